//! A clause of an RFC, and what is done about it.

use anyhow::Result;

use crate::lab::Lab;

/// One requirement that a peer can see.
#[derive(Clone, Copy)]
pub(crate) struct Clause {
    /// `rfc4271_s6_2_unacceptable_hold_time`: RFC, section, subject.
    pub(crate) name: &'static str,
    /// The requirement, in our words.
    pub(crate) says: &'static str,
    pub(crate) test: Test,
}

/// What is done about a clause.
#[derive(Clone, Copy)]
pub(crate) enum Test {
    /// It is tested here.
    Run(fn(&Lab) -> Result<()>),
    /// It is optional or left out, and why.
    NotImplemented(&'static str),
    /// It holds or not, but a peer on TCP cannot see it in a test; and what shows it instead.
    NotTestable(&'static str),
}

/// `clause!(NAME, "what it says")`: the test is the function `NAME`.
macro_rules! clause {
    ($name:ident, $says:literal) => {
        $crate::clause::Clause {
            name: stringify!($name),
            says: $says,
            test: $crate::clause::Test::Run($name),
        }
    };
}
pub(crate) use clause;

impl Clause {
    pub(crate) const fn not_implemented(
        name: &'static str,
        says: &'static str,
        why: &'static str,
    ) -> Self {
        Self { name, says, test: Test::NotImplemented(why) }
    }

    pub(crate) const fn not_testable(
        name: &'static str,
        says: &'static str,
        why: &'static str,
    ) -> Self {
        Self { name, says, test: Test::NotTestable(why) }
    }

    /// The RFC's number.
    pub(crate) fn rfc(&self) -> u32 {
        let digits = self.name.strip_prefix("rfc").and_then(|rest| rest.split('_').next());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
    }

    /// The section, `6.2`; a letter first for an appendix.
    pub(crate) fn section(&self) -> String {
        self.section_parts().join(".")
    }

    /// Sections in their order: 10 comes after 9.
    pub(crate) fn section_key(&self) -> Vec<u32> {
        self.section_parts().iter().map(|part| part.parse().unwrap_or(0)).collect()
    }

    fn section_parts(&self) -> Vec<&'static str> {
        let mut words = self.name.split('_').skip(1);
        let first = words.next().and_then(|word| word.strip_prefix('s')).unwrap_or_default();
        let more = words.take_while(|word| word.bytes().all(|b| b.is_ascii_digit()));
        std::iter::once(first).chain(more).collect()
    }
}
