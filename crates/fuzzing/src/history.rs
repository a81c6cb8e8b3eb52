//! Files of histories, as the checker reads them.

use crate::memory::{Allowance, within};
use checker::lines;

/// How much memory a line may take beside its bytes, and how much for each of them.
const HISTORY: Allowance = Allowance {
    bytes: 64 * 1024,
    per_byte: 256,
};

/// A file of a history. What is one is read back as it is written; what is none is told with its
/// line.
pub fn history_file(data: &[u8]) {
    let history = match within(data, HISTORY, |bytes| lines::read(bytes)) {
        Ok(history) => history,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let mut written = Vec::new();
    lines::write(&history, &mut written).expect("memory takes everything");
    let again = lines::read(&written[..]).expect("it was just written");
    let operations = |history| {
        format!(
            "{:?}",
            checker::History::operations(history).collect::<Vec<_>>()
        )
    };
    assert_eq!(operations(&history), operations(&again));
}
