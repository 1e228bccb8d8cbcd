//! Samples of several rounds, and how their medians are shown.

use std::fmt;

/// The samples of one table: for each row and column, one of every round.
#[derive(Clone, Debug)]
pub struct Rounds {
    title: String,
    columns: Vec<(&'static str, usize)>,
    rows: Vec<(String, Vec<Vec<f64>>)>,
}

impl Rounds {
    /// A table without rows. Each column has a name and a number of decimals.
    pub fn new(title: impl Into<String>, columns: &[(&'static str, usize)]) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a sample. Rows are shown in the order in which they were first named.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn add(&mut self, row: &str, column: &str, value: f64) {
        let at = self.columns.iter().position(|(name, _)| *name == column);
        let at = at.expect("the column was declared");
        self.row(row);
        let row = self.rows.iter_mut().find(|(name, _)| name == row);
        row.expect("the row is there").1[at].push(value);
    }

    /// Sees to it that there is a row of this name; samples need not come in the order in which rows are shown.
    pub fn row(&mut self, name: &str) {
        if !self.rows.iter().any(|(other, _)| other == name) {
            self.rows.push((name.to_owned(), vec![Vec::new(); self.columns.len()]));
        }
    }

    /// The medians.
    pub fn medians(&self) -> Table {
        let median_row = |(name, samples): &(String, Vec<Vec<f64>>)| {
            (name.clone(), samples.iter().map(|samples| median(samples)).collect())
        };
        Table {
            title: self.title.clone(),
            columns: self.columns.clone(),
            rows: self.rows.iter().map(median_row).collect(),
        }
    }
}

/// One number for each row and column, where there is one.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    columns: Vec<(&'static str, usize)>,
    rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    /// What the table shows.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The number in a row and a column.
    pub fn number(&self, row: &str, column: &str) -> Option<f64> {
        self.numbers().find(|(r, c, _)| (*r, *c) == (row, column)).map(|(.., number)| number)
    }

    /// All numbers, with their rows and columns.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, &str, f64)> {
        self.rows.iter().flat_map(|(row, numbers)| {
            let named = self.columns.iter().zip(numbers);
            named.filter_map(|((column, _), number)| Some((row.as_str(), *column, (*number)?)))
        })
    }
}

/// As Markdown, with columns that line up.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let width = |name: &str| name.len().max(8);
        writeln!(f, "\n{}\n", self.title)?;
        write!(f, "| {:first$} |", "")?;
        self.columns.iter().try_for_each(|(name, _)| write!(f, " {name:>0$} |", width(name)))?;
        write!(f, "\n|{:-<1$}|", "", first + 2)?;
        self.columns
            .iter()
            .try_for_each(|(name, _)| write!(f, "{:->1$}:|", "", width(name) + 1))?;
        writeln!(f)?;
        for (row, numbers) in &self.rows {
            write!(f, "| {row:first$} |")?;
            for ((name, decimals), number) in self.columns.iter().zip(numbers) {
                let text = number.map_or_else(String::new, |number| format!("{number:.decimals$}"));
                write!(f, " {text:>0$} |", width(name))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn median(samples: &[f64]) -> Option<f64> {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    match samples.len() {
        0 => None,
        len if len % 2 == 0 => Some(f64::midpoint(samples[middle - 1], samples[middle])),
        _ => Some(samples[middle]),
    }
}

#[cfg(test)]
mod tests;
