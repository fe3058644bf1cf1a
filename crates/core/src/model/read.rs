use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The longest file that people write by hand: scenarios, environments, secrets, certificates. Our own choice.
pub const LONGEST_TEXT: u64 = 1 << 20;
/// The longest file that a program writes and this one reads whole: `run.json`, lists of users. Our own choice.
pub const LONGEST_DOCUMENT: u64 = 256 << 20;

/// Reads a whole file of at most that many bytes, so that a wrong or a hostile one does not take all memory.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`], and what reading gives.
pub fn read_at_most(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(longest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        let text = format!("it is longer than {} MiB, the most that is read of such a file", longest >> 20);
        return Err(io::Error::new(ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// The same for text.
///
/// # Errors
/// As [`read_at_most`], and [`ErrorKind::InvalidData`].
pub fn read_text_at_most(path: &Path, longest: u64) -> io::Result<String> {
    String::from_utf8(read_at_most(path, longest)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}
