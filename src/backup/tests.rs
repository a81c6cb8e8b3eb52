//! What is written is read again, and whatever else is there instead is found.

use super::section::{Kind, encode};
use super::*;
use proptest::prelude::*;
use std::ops::Range;

fn header() -> Header {
    Header {
        cluster: "00ab00000000000c".to_owned(),
        begun_ms: 1_790_000_000_000,
        program: "0.1.0 (é)".to_owned(),
    }
}

fn register(name: &[u8], value: &[u8], expires_ms: Option<u64>) -> Register {
    Register {
        name: RegisterName::new(name.to_vec()).unwrap(),
        value: value.to_vec().into(),
        expires_ms,
    }
}

fn written(registers: &[Register]) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), &header()).unwrap();
    for register in registers {
        writer.push(register).unwrap();
    }
    let (file, _, length) = writer.finish(1_790_000_001_000).unwrap();
    assert_eq!(file.len() as u64, length);
    file
}

fn read(file: &[u8]) -> Result<(Vec<Register>, Footer), String> {
    let mut reader = Reader::open(file).map_err(|error| error.to_string())?;
    assert_eq!(*reader.header(), header());
    let mut registers = Vec::new();
    while let Some(block) = reader.next_block().map_err(|error| error.to_string())? {
        assert_eq!(reader.footer(), None, "it is not known to be whole yet");
        registers.extend(block);
    }
    assert_eq!(reader.bytes(), file.len() as u64);
    Ok((registers, reader.footer().expect("it was read").clone()))
}

/// Registers of all kinds.
fn some() -> Vec<Register> {
    vec![
        register(b"greeting", b"hello", None),
        register(b"\x00\xff", b"\xff\x00\r\n", Some(u64::MAX)),
        register(b"", b"", Some(1)),
        register(&[b'n'; 1024], &[b'v'; 3000], None),
    ]
}

/// A file of a block for each of these registers, and where its parts are.
fn in_blocks(registers: &[Register]) -> (Vec<u8>, Vec<(Range<usize>, String)>) {
    let mut file = [&MAGIC[..], &VERSION.to_be_bytes()].concat();
    let mut parts = vec![(0..file.len(), "its beginning".to_owned())];
    let mut add = |section: Vec<u8>, place: String| {
        parts.push((file.len()..file.len() + section.len(), place));
        file.extend(section);
    };
    add(
        encode(Kind::Header, 0, &header().encode()),
        "its header".to_owned(),
    );
    let mut counts = Counts::default();
    for register in registers {
        let mut content = Vec::new();
        block::put(&mut content, register);
        counts.add(register);
        counts.blocks += 1;
        add(
            encode(Kind::Block, counts.blocks, &content),
            format!("block {}", counts.blocks),
        );
    }
    let footer = Footer {
        ended_ms: 1,
        counts,
    };
    let number = counts.blocks + 1;
    // Until its head was read the footer might be one more block.
    add(
        encode(Kind::Footer, number, &footer.encode()),
        format!("block {number}"),
    );
    let checksum = xxhash_rust::xxh3::xxh3_64(&file).to_be_bytes();
    parts.push((
        file.len()..file.len() + checksum.len(),
        "the file".to_owned(),
    ));
    file.extend(checksum);
    (file, parts)
}

#[test]
fn what_was_written_is_read() {
    for registers in [&some()[..], &[]] {
        let (read, footer) = read(&written(registers)).unwrap();
        assert_eq!(read, registers);
        assert_eq!(footer.ended_ms, 1_790_000_001_000);
        let counts = footer.counts;
        assert_eq!(counts.registers, registers.len() as u64);
        assert_eq!(counts.blocks, u64::from(!registers.is_empty()));
    }
    let counts = read(&written(&some())).unwrap().1.counts;
    assert_eq!((counts.expiring, counts.name_bytes), (2, 1034));
    assert_eq!(counts.value_bytes, 3009);
}

#[test]
fn blocks_are_closed_in_time_and_the_longest_value_has_one_of_its_own() {
    let longest = register(b"longest", &vec![b'x'; VALUE_BYTES_MAX], None);
    let mut registers = vec![register(b"a", &vec![b'a'; BLOCK_BYTES / 2], None); 4];
    registers.insert(2, longest.clone());
    let file = written(&registers);
    assert!(file.len() < BLOCK_BYTES, "it is compressed");
    let (read, footer) = read(&file).unwrap();
    assert!(read == registers);
    assert_eq!(footer.counts.blocks, 5);
    let longer = register(b"longer", &vec![b'x'; VALUE_BYTES_MAX + 1], None);
    let mut writer = Writer::begin(Vec::new(), &header()).unwrap();
    assert!(writer.push(&longer).is_err());
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_found_and_it_is_told_where() {
    let (file, parts) = in_blocks(&some());
    read(&file).unwrap();
    for (range, place) in &parts {
        for length in range.clone() {
            let error = read(&file[..length]).unwrap_err();
            assert!(error.contains(place), "{length}: {error}");
            let is_empty = length == 0;
            assert!(is_empty || error.contains("cut off"), "{length}: {error}");
        }
    }
}

#[test]
fn a_bit_that_was_changed_anywhere_is_found_and_it_is_told_where() {
    let (mut file, parts) = in_blocks(&some());
    for (range, place) in &parts {
        for index in range.clone() {
            for bit in 0..8 {
                file[index] ^= 1 << bit;
                let error = read(&file).unwrap_err();
                assert!(error.contains(place), "byte {index}, bit {bit}: {error}");
                file[index] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn a_block_is_neither_empty_nor_so_long_that_its_registers_take_much_memory() {
    let read = |content: &[u8]| {
        let (file, parts) = in_blocks(&[]);
        let mut made = file[..parts[2].0.start].to_vec();
        made.extend(encode(Kind::Block, 1, content));
        read(&made).unwrap_err()
    };
    assert!(read(b"").contains("block 1, from byte"));
    assert!(read(b"").contains("never empty"));
    let mut content = Vec::new();
    while content.len() <= BLOCK_BYTES {
        block::put(&mut content, &register(b"", b"", None));
    }
    assert!(read(&content).contains("has one register"));
    content.truncate(BLOCK_BYTES / 7 * 7);
    assert!(
        read(&content).contains("cut off"),
        "all but the end is right"
    );
}

#[test]
fn what_follows_the_end_is_found() {
    let (mut file, _) = in_blocks(&some());
    file.push(0);
    let error = read(&file).unwrap_err();
    assert!(error.contains("what follows its end"), "{error}");
}

#[test]
fn blocks_that_are_missing_twice_there_or_in_another_order_are_found() {
    let (file, parts) = in_blocks(&some());
    let block = |number: usize| &file[parts[number + 1].0.clone()];
    let whole = |blocks: &[usize]| {
        let mut made = file[..parts[2].0.start].to_vec();
        for &number in blocks {
            made.extend(block(number));
        }
        made.extend(&file[parts[6].0.start..]);
        read(&made)
    };
    whole(&[1, 2, 3, 4]).unwrap();
    for blocks in [&[1, 2, 3][..], &[1, 3, 2, 4], &[2, 3, 4], &[1, 2, 2, 3, 4]] {
        let error = whole(blocks).unwrap_err();
        assert!(error.contains("of another number"), "{error}");
    }
}

#[test]
fn a_footer_that_counts_otherwise_is_found() {
    let (file, parts) = in_blocks(&some());
    let mut other = some();
    other[0].value = Bytes::from_static(b"hallo, welt");
    let (foreign, foreign_parts) = in_blocks(&other);
    let mut made = file[..parts[6].0.start].to_vec();
    made.extend(&foreign[foreign_parts[6].0.clone()]);
    made.extend(xxhash_rust::xxh3::xxh3_64(&made).to_be_bytes());
    let error = read(&made).unwrap_err();
    assert!(error.contains("counts what is not"), "{error}");
}

#[test]
fn what_is_no_backup_is_told_so() {
    for bytes in [&b""[..], b"hello, world", &[0; 100]] {
        let error = read(bytes).unwrap_err();
        assert!(error.contains("it is no backup"), "{error}");
    }
    let error = read(b"\x89SMBK\r\n\x1a\x00\x00\x00\x02").unwrap_err();
    assert!(error.contains("version 2 of the format"), "{error}");
}

fn any_register() -> impl Strategy<Value = Register> {
    let bytes = |most| proptest::collection::vec(any::<u8>(), 0..=most);
    // Some compress well.
    let value = prop_oneof![
        bytes(300),
        (any::<u8>(), 0..300_000_usize).prop_map(|(byte, count)| vec![byte; count])
    ];
    (bytes(1024), value, any::<Option<u64>>())
        .prop_map(|(name, value, expires_ms)| register(&name, &value, expires_ms))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_registers_hold_is_read_as_it_was_written(
        registers in proptest::collection::vec(any_register(), 0..20)
    ) {
        let (read, footer) = read(&written(&registers)).unwrap();
        prop_assert_eq!(footer.counts.registers, registers.len() as u64);
        prop_assert!(read == registers);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
        let mut begun = [&MAGIC[..], &VERSION.to_be_bytes()].concat();
        begun.extend(encode(Kind::Header, 0, &header().encode()));
        begun.extend(encode(Kind::Block, 1, &bytes));
        prop_assert!(read(&begun).is_err());
    }
}
