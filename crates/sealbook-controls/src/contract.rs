//! The row contract of a control test: five columns, checked before anything is believed.

use sealbook_projection::Cell;

use crate::outcome::RowOutcome;

/// One row of a test's SQL, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestRow {
    pub subject: String,
    pub outcome: RowOutcome,
    pub reason: String,
    pub entries: Vec<u64>,
    pub at: Option<i64>,
}

/// Where the five columns stand in a row.
pub(crate) struct Contract {
    subject: usize,
    outcome: usize,
    reason: usize,
    entries: usize,
    at: usize,
}

impl Contract {
    /// Finds the columns by name.
    pub fn of(columns: &[String]) -> Result<Self, String> {
        let find = |name: &str| {
            let mut places = columns.iter().enumerate().filter(|(_, column)| *column == name);
            match (places.next(), places.next()) {
                (Some((place, _)), None) => Ok(place),
                (None, _) => Err(format!("the SQL gives no column {name}; it gives: {}", columns.join(", "))),
                (Some(_), Some(_)) => Err(format!("the SQL gives the column {name} twice")),
            }
        };
        let contract = Self {
            subject: find("subject")?,
            outcome: find("outcome")?,
            reason: find("reason")?,
            entries: find("entries")?,
            at: find("at")?,
        };
        if columns.len() == 5 {
            Ok(contract)
        } else {
            Err(format!(
                "the SQL gives {} columns, not subject, outcome, reason, entries, at: {}",
                columns.len(),
                columns.join(", ")
            ))
        }
    }

    /// Reads a row; `range` is the first index of the projection and one past the last.
    pub fn read(&self, cells: &[Cell<'_>], range: Option<(u64, u64)>) -> Result<TestRow, String> {
        let cell = |at: usize| cells.get(at).copied().unwrap_or(Cell::Null);
        let text = |at: usize, name: &str| match cell(at) {
            Cell::Text(text) if !text.is_empty() => Ok(text.to_owned()),
            other => Err(format!("{name} must be a text and not empty; found {}", show(other))),
        };
        let subject = text(self.subject, "subject")?;
        let within = |problem: String| format!("subject {subject:?}: {problem}");
        let outcome = match cell(self.outcome) {
            Cell::Text("pass") => RowOutcome::Pass,
            Cell::Text("fail") => RowOutcome::Fail,
            Cell::Text("insufficient") => RowOutcome::Insufficient,
            other => {
                return Err(within(format!("outcome must be pass, fail or insufficient; found {}", show(other))));
            }
        };
        let at = match cell(self.at) {
            Cell::Null => None,
            Cell::Integer(at) => Some(at),
            other => {
                return Err(within(format!("at must be a whole number of µs or NULL; found {}", show(other))));
            }
        };
        Ok(TestRow {
            reason: text(self.reason, "reason").map_err(within)?,
            entries: entries(cell(self.entries), range).map_err(within)?,
            subject,
            outcome,
            at,
        })
    }
}

/// Indexes in ascending order, each once.
fn entries(cell: Cell<'_>, range: Option<(u64, u64)>) -> Result<Vec<u64>, String> {
    let mut found = match cell {
        Cell::Null => Vec::new(),
        Cell::Integer(index) => {
            vec![u64::try_from(index).map_err(|_| format!("entries: {index} is negative"))?]
        }
        Cell::Text(list) => list
            .split(',')
            .map(str::trim)
            .filter(|index| !index.is_empty())
            .map(|index| index.parse().map_err(|_| format!("entries: {index:?} in {list:?} is no index")))
            .collect::<Result<Vec<u64>, _>>()?,
        Cell::Real(number) => {
            return Err(format!("entries must be a text or a whole number; found {number}"));
        }
    };
    found.sort_unstable();
    found.dedup();
    let (first, end) = range.unwrap_or((0, 0));
    match found.iter().find(|index| !(first..end).contains(index)) {
        Some(index) => {
            Err(format!("entries names {index}; the entries here are {first} to {end}, the last not included"))
        }
        None => Ok(found),
    }
}

fn show(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Text(text) => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<String> {
        ["at", "subject", "outcome", "reason", "entries"].map(str::to_owned).to_vec()
    }

    fn read(outcome: Cell<'_>, entries: Cell<'_>, at: Cell<'_>) -> Result<TestRow, String> {
        let cells = [at, Cell::Text("svc"), outcome, Cell::Text("why"), entries];
        Contract::of(&columns())?.read(&cells, Some((2, 10)))
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let row = read(Cell::Text("fail"), Cell::Text("7, 3,,7"), Cell::Integer(-5)).unwrap();
        assert_eq!(
            (row.subject.as_str(), row.outcome, row.entries, row.at),
            ("svc", RowOutcome::Fail, vec![3, 7], Some(-5))
        );
        assert_eq!(read(Cell::Text("pass"), Cell::Integer(9), Cell::Null).unwrap().entries, [9]);
        assert_eq!(read(Cell::Text("pass"), Cell::Null, Cell::Null).unwrap().entries, [0; 0]);
    }

    #[test]
    fn a_missing_a_repeated_and_a_further_column_are_refused() {
        let mut names = columns();
        names.pop();
        assert!(Contract::of(&names).err().unwrap().contains("no column entries"));
        names.extend(["entries".to_owned(), "entries".to_owned()]);
        assert!(Contract::of(&names).err().unwrap().contains("twice"));
        let mut names = columns();
        names.push("extra".to_owned());
        assert!(Contract::of(&names).err().unwrap().contains("6 columns"));
    }

    #[test]
    fn a_cell_outside_the_contract_is_refused_and_shown() {
        assert!(read(Cell::Text("PASS"), Cell::Null, Cell::Null).unwrap_err().contains("\"PASS\""));
        assert!(read(Cell::Integer(1), Cell::Null, Cell::Null).unwrap_err().contains("found 1"));
        assert!(read(Cell::Text("pass"), Cell::Text("x"), Cell::Null).unwrap_err().contains("\"x\""));
        assert!(read(Cell::Text("pass"), Cell::Real(1.5), Cell::Null).unwrap_err().contains("1.5"));
        assert!(read(Cell::Text("pass"), Cell::Null, Cell::Real(0.5)).unwrap_err().contains("0.5"));
    }

    #[test]
    fn an_index_that_is_no_entry_is_refused() {
        for index in [1, 10] {
            assert!(read(Cell::Text("fail"), Cell::Integer(index), Cell::Null).unwrap_err().contains("2 to 10"));
        }
        assert!(read(Cell::Text("fail"), Cell::Integer(-1), Cell::Null).unwrap_err().contains("negative"));
    }
}
