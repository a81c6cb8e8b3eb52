//! Where labels go that must not lie on each other: [`rows`].

/// Puts spans, in the order of their beginnings, into as few rows as they need. Gives each one's
/// row, and how many rows there are.
pub(super) fn rows(spans: &[(f64, f64)]) -> (Vec<usize>, usize) {
    let mut ends: Vec<f64> = Vec::new();
    let places = spans.iter().map(|&(from, to)| {
        let row = ends.iter().position(|end| *end <= from);
        let row = row.unwrap_or(ends.len());
        match ends.get_mut(row) {
            Some(end) => *end = to,
            None => ends.push(to),
        }
        row
    });
    let places = places.collect();
    (places, ends.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_meet_share_a_row_and_those_that_overlap_do_not() {
        let spans = [(0.0, 10.0), (5.0, 8.0), (8.0, 20.0), (10.0, 12.0)];
        assert_eq!(rows(&spans), (vec![0, 1, 1, 0], 2));
        assert_eq!(rows(&[]), (vec![], 0));
    }
}
