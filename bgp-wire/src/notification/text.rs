//! NOTIFICATIONs in the words of the RFCs.
//!
//! What for: the names of codes and subcodes, and `Display`.
//! Where: under [`Notification`]; logs, status and the command show these.
//! How: tables of names; then whatever the data field is known to hold, else its octets.
//! Invariants: one printable line, whatever the peer sent; a Hard Reset is opened once, so that one
//! wrapped ten thousand times costs no stack.
//! References: RFC 4271 section 4.5, RFC 4486, RFC 6608, RFC 7313, RFC 8538, RFC 9003.

use std::fmt::{self, Display, Formatter};

use super::{Notification, cease, code, fsm, header, open, route_refresh, update};

/// How many octets of data that is known to nobody are shown.
const SHOWN: usize = 32;

impl Notification {
    /// The name of the code, if it has one.
    pub const fn code_name(&self) -> Option<&'static str> {
        Some(match self.code {
            code::HEADER => "Message Header Error",
            code::OPEN => "OPEN Message Error",
            code::UPDATE => "UPDATE Message Error",
            code::HOLD_TIMER => "Hold Timer Expired",
            code::FSM => "Finite State Machine Error",
            code::CEASE => "Cease",
            code::ROUTE_REFRESH => "ROUTE-REFRESH Message Error",
            code::SEND_HOLD_TIMER => "Send Hold Timer Expired",
            _ => return None,
        })
    }

    /// The name of the subcode, if it has one.
    pub const fn subcode_name(&self) -> Option<&'static str> {
        Some(match (self.code, self.subcode) {
            (code::HEADER, header::NOT_SYNCHRONIZED) => "Connection Not Synchronized",
            (code::HEADER, header::BAD_LENGTH) => "Bad Message Length",
            (code::HEADER, header::BAD_TYPE) => "Bad Message Type",
            (code::OPEN, open::UNSUPPORTED_VERSION) => "Unsupported Version Number",
            (code::OPEN, open::BAD_PEER_AS) => "Bad Peer AS",
            (code::OPEN, open::BAD_IDENTIFIER) => "Bad BGP Identifier",
            (code::OPEN, open::UNSUPPORTED_PARAMETER) => "Unsupported Optional Parameter",
            (code::OPEN, open::AUTHENTICATION) => "Authentication Failure",
            (code::OPEN, open::UNACCEPTABLE_HOLD_TIME) => "Unacceptable Hold Time",
            (code::OPEN, open::UNSUPPORTED_CAPABILITY) => "Unsupported Capability",
            (code::OPEN, open::ROLE_MISMATCH) => "Role Mismatch",
            (code::UPDATE, update::MALFORMED_ATTRIBUTE_LIST) => "Malformed Attribute List",
            (code::UPDATE, update::UNRECOGNIZED_WELL_KNOWN) => "Unrecognized Well-known Attribute",
            (code::UPDATE, update::MISSING_WELL_KNOWN) => "Missing Well-known Attribute",
            (code::UPDATE, update::ATTRIBUTE_FLAGS) => "Attribute Flags Error",
            (code::UPDATE, update::ATTRIBUTE_LENGTH) => "Attribute Length Error",
            (code::UPDATE, update::INVALID_ORIGIN) => "Invalid ORIGIN Attribute",
            (code::UPDATE, update::AS_LOOP) => "AS Routing Loop",
            (code::UPDATE, update::INVALID_NEXT_HOP) => "Invalid NEXT_HOP Attribute",
            (code::UPDATE, update::OPTIONAL_ATTRIBUTE) => "Optional Attribute Error",
            (code::UPDATE, update::INVALID_NETWORK_FIELD) => "Invalid Network Field",
            (code::UPDATE, update::MALFORMED_AS_PATH) => "Malformed AS_PATH",
            (code::FSM, fsm::OPEN_SENT) => "Unexpected Message in OpenSent",
            (code::FSM, fsm::OPEN_CONFIRM) => "Unexpected Message in OpenConfirm",
            (code::FSM, fsm::ESTABLISHED) => "Unexpected Message in Established",
            (code::CEASE, cease::MAX_PREFIXES) => "Maximum Number of Prefixes Reached",
            (code::CEASE, cease::ADMIN_SHUTDOWN) => "Administrative Shutdown",
            (code::CEASE, cease::DECONFIGURED) => "Peer De-configured",
            (code::CEASE, cease::ADMIN_RESET) => "Administrative Reset",
            (code::CEASE, cease::REJECTED) => "Connection Rejected",
            (code::CEASE, cease::CONFIG_CHANGE) => "Other Configuration Change",
            (code::CEASE, cease::COLLISION) => "Connection Collision Resolution",
            (code::CEASE, cease::RESOURCES) => "Out of Resources",
            (code::CEASE, cease::HARD_RESET) => "Hard Reset",
            (code::CEASE, cease::BFD_DOWN) => "BFD Down",
            (code::ROUTE_REFRESH, route_refresh::LENGTH) => "Invalid Message Length",
            _ => return None,
        })
    }
}

impl Display for Notification {
    /// `Cease/Administrative Shutdown "maintenance"`, `UPDATE Message Error/Malformed AS_PATH`,
    /// `code 9/subcode 3 [0102]`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        match self.hard_reset_inner() {
            Some(inner) => {
                f.write_str(" (")?;
                inner.head(f)?;
                inner.tail(f)?;
                f.write_str(")")
            }
            None => self.tail(f),
        }
    }
}

impl Notification {
    fn head(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.code_name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "code {}", self.code)?,
        }
        match self.subcode_name() {
            Some(name) => write!(f, "/{name}"),
            None if self.subcode != 0 => write!(f, "/subcode {}", self.subcode),
            None => Ok(()),
        }
    }

    fn tail(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.data.is_empty() {
            return Ok(());
        }
        if let Some(text) = self.shutdown_communication() {
            return write!(f, " {text:?}");
        }
        if let Some((family, bound)) = self.prefix_bound() {
            return write!(f, " ({family} over {bound})");
        }
        if let Some(list) = self.required_capabilities() {
            f.write_str(" (")?;
            for (i, capability) in list.iter().enumerate() {
                write!(f, "{}{capability}", if i == 0 { "" } else { "; " })?;
            }
            return f.write_str(")");
        }
        // A communication that cannot be read is of use to somebody only when it is whole.
        let most = if self.has_communication() { 256 } else { SHOWN };
        f.write_str(" [")?;
        self.data.iter().take(most).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(if self.data.len() > most { "...]" } else { "]" })
    }
}
