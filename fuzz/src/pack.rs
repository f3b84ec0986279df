//! Corpora as they are committed: one file a target, each input behind its length.
//!
//! What for: hundreds of inputs of a few octets each would be hundreds of files in the repository.
//! Where: read by the replay tests, read and written by `cargo xtask fuzz`; both include this file.
//! How: a four-octet length (network order), then the input; nothing else.
//! Invariants: `read` of what `write` wrote is the same list; a cut file is refused, not shortened.
//! References: none.

/// Appends one input.
pub fn write(input: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(input.len()).expect("inputs are far below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(input);
}

/// All inputs of a packed corpus; `None` when it is cut short.
pub fn read(packed: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = packed;
    let mut inputs = Vec::new();
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (input, tail) = tail.split_at_checked(length)?;
        inputs.push(input);
        rest = tail;
    }
    Some(inputs)
}
