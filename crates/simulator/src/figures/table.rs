//! Numbers in columns: [`Table`].

use std::fmt;

/// A table whose first column names what the numbers of its row are about.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heads: &[&str]) -> Self {
        let heads = heads.iter().map(|head| (*head).to_owned()).collect();
        Self { rows: vec![heads] }
    }

    pub(super) fn row(&mut self, name: &str, numbers: &[u64]) {
        let numbers = numbers.iter().map(u64::to_string);
        let row = std::iter::once(name.to_owned()).chain(numbers).collect();
        self.rows.push(row);
    }
}

/// Names stand at the left of their column and numbers at the right. Every row ends its line.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match index {
                    0 => write!(f, "{cell:width$}")?,
                    _ => write!(f, "  {cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_each_other() {
        let mut table = Table::new(&["what", "n"]);
        table.row("a", &[7]);
        table.row("longer", &[1234]);
        let text = table.to_string();
        assert_eq!(text, "what       n\na          7\nlonger  1234\n");
    }
}
