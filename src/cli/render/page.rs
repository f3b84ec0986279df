//! Text in groups of aligned fields, for a terminal of 80 columns.
//!
//! Pure: fields in, a string out. A value too long for the line goes on under its own column, broken
//! between words; a word that is longer than the line stays whole.

use std::fmt::Write as _;

/// Columns of the narrowest terminal worth caring for.
pub(crate) const WIDTH: usize = 80;

/// Where values begin.
const COLUMN: usize = 17;

/// A page under construction.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    heading: Option<String>,
}

impl Page {
    /// One line as it is.
    pub(crate) fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    /// Begins a group; a group without fields leaves no trace.
    pub(crate) fn group(&mut self, heading: &str) {
        self.heading = Some(heading.to_owned());
    }

    /// A field of the present group; an empty value is left out.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.begin();
        let head = format!("  {name:<width$}", width = COLUMN - 2);
        let head = if head.ends_with(' ') { head } else { format!("{head} ") };
        self.text += &wrap(&head, COLUMN, value);
    }

    /// Rows under headings; the first column is text, the others are numbers.
    pub(crate) fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        let title = self.heading.take().unwrap_or_default();
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let column = |ix: usize| rows.iter().filter_map(move |row| row.get(ix));
        let first = column(0).map(|cell| cell.chars().count() + 2);
        let first = first.chain([title.chars().count(), COLUMN - 2]).max().unwrap_or_default();
        let mut line = format!("{title:<first$}");
        let widths: Vec<usize> = headings
            .iter()
            .enumerate()
            .map(|(ix, name)| {
                let cells = column(ix + 1).map(|cell| cell.chars().count());
                cells.chain([name.chars().count()]).max().unwrap_or_default()
            })
            .collect();
        for (name, &width) in headings.iter().zip(&widths) {
            let _ = write!(line, "  {name:>width$}");
        }
        self.line(&line);
        for row in rows {
            let mut line = format!("  {:<width$}", row[0], width = first - 2);
            for (cell, &width) in row.iter().skip(1).zip(&widths) {
                let _ = write!(line, "  {cell:>width$}");
            }
            self.line(&line);
        }
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn begin(&mut self) {
        if let Some(heading) = self.heading.take() {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            let _ = writeln!(self.text, "{heading}");
        }
    }
}

/// `head` and `value`, whose further lines begin at `indent`.
pub(crate) fn wrap(head: &str, indent: usize, value: &str) -> String {
    let mut text = String::new();
    let mut line = head.to_owned();
    let mut is_empty = true;
    for word in value.split_whitespace() {
        let length = line.chars().count() + usize::from(!is_empty) + word.chars().count();
        if length > WIDTH && !is_empty {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    let _ = writeln!(text, "{}", line.trim_end());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_go_on_under_their_column() {
        let text = wrap("  name           ", 17, &"word ".repeat(20));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(lines[1].starts_with("                 word"), "{text}");
    }

    #[test]
    fn a_group_without_fields_is_not_there() {
        let mut page = Page::default();
        page.group("Nothing");
        page.field("empty", "");
        page.group("Something");
        page.field("name", "value");
        assert_eq!(page.finish(), "Something\n  name           value\n");
    }
}
