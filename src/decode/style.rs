//! Colours for terminals.

use std::io::IsTerminal as _;

use super::args::ColorChoice;

/// What a piece of text is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ink {
    /// A message's head.
    Head,
    /// A route announced.
    Announced,
    /// A route withdrawn.
    Withdrawn,
    /// A finding.
    Finding,
    /// A remark.
    Quiet,
}

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// By choice; on its own only on a terminal and unless `NO_COLOR` is set to something.
    pub(crate) fn new(choice: ColorChoice) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            on: match choice {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
            },
        }
    }

    /// The sequence that begins a colour.
    pub(crate) const fn begin(self, ink: Ink) -> &'static str {
        if !self.on {
            return "";
        }
        match ink {
            Ink::Head => "\x1b[1m",
            Ink::Announced => "\x1b[32m",
            Ink::Withdrawn => "\x1b[33m",
            Ink::Finding => "\x1b[1;31m",
            Ink::Quiet => "\x1b[2m",
        }
    }

    /// The sequence that ends it.
    pub(crate) const fn end(self) -> &'static str {
        if self.on { "\x1b[0m" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_text_without_colours() {
        let style = Style::new(ColorChoice::Never);
        assert_eq!((style.begin(Ink::Finding), style.end()), ("", ""));
        assert!(Style::new(ColorChoice::Always).begin(Ink::Finding).starts_with('\x1b'));
    }
}
