//! For fuzzing: what a stranger may put into a backup.

use super::{Header, MAGIC, Reader, Register, VERSION, Writer, block, section};
use hyper::body::Bytes;

/// A file says this. What is a backup is read back as it is written; what is none is told with its
/// place. Then the same bytes are what a block holds, with the checksums that nobody guesses.
pub fn backup_file(data: &[u8]) {
    if let Ok((header, registers)) = read(data) {
        let written = write(&header, &registers);
        assert_eq!(read(&written), Ok((header, registers)));
    }
    let content = &data[..data.len().min(1024)];
    let mut file = begun();
    file.extend(section::encode(section::Kind::Block, 1, content));
    let in_file = read(&file).expect_err("it is cut off");
    match block::decode(Bytes::copy_from_slice(content)) {
        Ok(registers) => {
            let mut again = Vec::new();
            registers.iter().for_each(|it| block::put(&mut again, it));
            assert_eq!(again, content);
            assert!(in_file.contains("cut off"), "{in_file}");
        }
        Err(what) => assert!(in_file.contains(what), "{in_file}"),
    }
}

/// A file up to its first block.
fn begun() -> Vec<u8> {
    let header = Header {
        cluster: "c".to_owned(),
        begun_ms: 1,
        program: "p".to_owned(),
    };
    let mut file = [&MAGIC[..], &VERSION.to_be_bytes()].concat();
    file.extend(section::encode(section::Kind::Header, 0, &header.encode()));
    file
}

fn read(data: &[u8]) -> Result<(Header, Vec<Register>), String> {
    let mut reader = Reader::open(data).map_err(|error| error.to_string())?;
    let mut registers = Vec::new();
    while let Some(block) = reader.next_block().map_err(|error| error.to_string())? {
        registers.extend(block);
    }
    Ok((reader.header().clone(), registers))
}

fn write(header: &Header, registers: &[Register]) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), header).expect("memory takes everything");
    for register in registers {
        writer.push(register).expect("memory takes everything");
    }
    writer.finish(1).expect("memory takes everything").0
}
