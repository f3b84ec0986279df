//! Writing answers: aligned tables and JSON arrays, both streamed.
//!
//! A table holds back its first rows to learn the widths, then writes as rows come, so that a
//! million routes need the memory of [`CHUNK`] rows. Numbers stand to the right. Trailing blanks
//! are never written.
//!
//! Invariant: all output goes through [`Output`], which reports a closed pipe as
//! [`std::io::ErrorKind::BrokenPipe`] instead of panicking.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use super::render::Columns;

/// Rows held back to learn column widths.
const CHUNK: usize = 1000;

/// Buffered standard output.
pub type Output = BufWriter<io::Stdout>;

/// Rows under headings, streamed.
#[derive(Debug)]
pub struct Table<W: Write> {
    out: W,
    columns: Columns,
    /// Which columns are shown.
    shown: Vec<bool>,
    widths: Vec<usize>,
    held: Vec<Vec<String>>,
    headed: bool,
}

impl<W: Write> Table<W> {
    /// A table with all of `columns` but those named in `hidden`.
    pub fn new(out: W, columns: Columns, hidden: &[&str]) -> Self {
        Self {
            out,
            columns,
            shown: columns.iter().map(|(name, _)| !hidden.contains(name)).collect(),
            widths: columns.iter().map(|(name, _)| name.chars().count()).collect(),
            held: Vec::new(),
            headed: false,
        }
    }

    /// Adds a row: one cell a column, hidden ones included.
    pub fn row(&mut self, cells: Vec<String>) -> io::Result<()> {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.held.push(cells);
        if self.held.len() >= CHUNK { self.flush_held() } else { Ok(()) }
    }

    /// Writes what is held back. An empty table writes its headings, so that a person sees that
    /// the question was understood.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush_held()?;
        self.out.flush()
    }

    fn flush_held(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.held);
        for (ix, width) in self.widths.iter_mut().enumerate() {
            let widest = rows.iter().map(|row| row[ix].chars().count()).max().unwrap_or(0);
            *width = (*width).max(widest);
        }
        if !self.headed {
            self.headed = true;
            let headings: Vec<String> = self.columns.iter().map(|(n, _)| (*n).to_owned()).collect();
            self.write_row(&headings)?;
        }
        rows.iter().try_for_each(|row| self.write_row(row))
    }

    fn write_row(&mut self, cells: &[String]) -> io::Result<()> {
        let mut line = String::new();
        for (ix, cell) in cells.iter().enumerate().filter(|(ix, _)| self.shown[*ix]) {
            let pad = self.widths[ix].saturating_sub(cell.chars().count());
            if !line.is_empty() {
                line.push_str("  ");
            }
            let right = self.columns[ix].1 == super::render::Align::Right;
            if right {
                line.extend(std::iter::repeat_n(' ', pad));
            }
            line.push_str(cell);
            if !right {
                line.extend(std::iter::repeat_n(' ', pad));
            }
        }
        writeln!(self.out, "{}", line.trim_end())
    }
}

/// One JSON array, an element a line, streamed.
#[derive(Debug)]
pub struct JsonArray<W: Write> {
    out: W,
    any: bool,
}

impl<W: Write> JsonArray<W> {
    /// An array with nothing in it yet.
    pub fn new(out: W) -> Self {
        Self { out, any: false }
    }

    /// Adds an element.
    pub fn push(&mut self, item: &impl Serialize) -> io::Result<()> {
        self.out.write_all(if self.any { b",\n" } else { b"[\n" })?;
        self.any = true;
        serde_json::to_writer(&mut self.out, item).map_err(io::Error::from)
    }

    /// Closes the array; an empty one is `[]`.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.write_all(if self.any { b"\n]\n" } else { b"[]\n" })?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::Align::{Left, Right};

    const COLUMNS: Columns = &[("NAME", Left), ("COUNT", Right), ("NOTE", Left)];

    fn cells(row: [&str; 3]) -> Vec<String> {
        row.map(str::to_owned).to_vec()
    }

    fn table(hidden: &[&str], rows: &[[&str; 3]]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, COLUMNS, hidden);
        rows.iter().for_each(|row| table.row(cells(*row)).unwrap());
        table.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_stand_right_text_left_and_no_blank_ends_a_line() {
        insta::assert_snapshot!(
            table(&[], &[["a", "1", ""], ["longer-name", "1234567", "says"]]),
            @r"
        NAME           COUNT  NOTE
        a                  1
        longer-name  1234567  says
        "
        );
    }

    #[test]
    fn a_hidden_column_leaves_no_gap_and_an_empty_table_has_headings() {
        insta::assert_snapshot!(table(&["COUNT"], &[["a", "1", "x"]]), @r"
        NAME  NOTE
        a     x
        ");
        assert_eq!(table(&[], &[]), "NAME  COUNT  NOTE\n");
    }

    #[test]
    fn a_long_table_is_written_in_pieces_whose_columns_only_grow() {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, COLUMNS, &[]);
        (0..CHUNK).for_each(|_| table.row(cells(["a", "1", "x"])).unwrap());
        table.row(cells(["wide-name", "1", "x"])).unwrap();
        table.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), CHUNK + 2);
        assert_eq!(text.lines().nth(1), Some("a         1  x"));
        assert_eq!(text.lines().last(), Some("wide-name      1  x"));
    }

    #[test]
    fn json_is_one_array_whatever_the_number() {
        for (items, text) in
            [(vec![], "[]\n"), (vec![1], "[\n1\n]\n"), (vec![1, 2], "[\n1,\n2\n]\n")]
        {
            let mut out = Vec::new();
            let mut array = JsonArray::new(&mut out);
            items.iter().for_each(|i| array.push(i).unwrap());
            array.finish().unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
