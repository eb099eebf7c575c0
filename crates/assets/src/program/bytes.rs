//! A bounded reader over a file in memory, for formats that come from outside.
//!
//! Every length is checked against what is left before anything is taken or reserved, so a hostile count costs one
//! error and no memory.

/// Why a file is not what its format says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} is malformed at byte {offset}: {problem}")]
pub(crate) struct FormatError {
    pub(crate) file: &'static str,
    pub(crate) offset: usize,
    pub(crate) problem: String,
}

/// A position in a file's content.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    file: &'static str,
    content: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte; `file` is what errors call it.
    pub(crate) fn new(file: &'static str, content: &'a [u8]) -> Self {
        Self {
            file,
            content,
            offset: 0,
        }
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn remaining(&self) -> usize {
        self.content.len() - self.offset
    }

    pub(crate) fn error(&self, problem: impl Into<String>) -> FormatError {
        FormatError {
            file: self.file,
            offset: self.offset,
            problem: problem.into(),
        }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        if count > self.remaining() {
            return Err(self.error(format!("{count} bytes are announced, {} are left", self.remaining())));
        }
        let start = self.offset;
        self.offset += count;
        Ok(&self.content[start..self.offset])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, FormatError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, FormatError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A 64-bit length or count that has to fit this machine.
    pub(crate) fn length(&mut self) -> Result<usize, FormatError> {
        let length = self.u64()?;
        usize::try_from(length).map_err(|_| self.error(format!("a length of {length} is too large")))
    }

    pub(crate) fn text(&mut self, count: usize) -> Result<&'a str, FormatError> {
        let bytes = self.take(count)?;
        std::str::from_utf8(bytes).map_err(|_| self.error("a name is not UTF-8"))
    }

    /// Checks that `count` items of at least `least` bytes each can be left at all.
    pub(crate) fn plausible(&self, count: usize, least: usize) -> Result<usize, FormatError> {
        if count.saturating_mul(least) > self.remaining() {
            return Err(self.error(format!(
                "{count} entries are announced, {} bytes are left",
                self.remaining()
            )));
        }
        Ok(count)
    }

    pub(crate) fn finish(&self) -> Result<(), FormatError> {
        if self.remaining() == 0 {
            Ok(())
        } else {
            Err(self.error(format!("{} bytes too many", self.remaining())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_little_endian() {
        let mut reader = Reader::new("file", &[1, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            (reader.u8(), reader.u16(), reader.u32(), reader.u64()),
            (Ok(1), Ok(2), Ok(3), Ok(4))
        );
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn reading_past_the_end_names_the_file_and_place() {
        let mut reader = Reader::new("file", &[1, 2]);
        let _ = reader.u8();
        let error = reader.u32().expect_err("too short");
        assert_eq!(
            error.to_string(),
            "file is malformed at byte 1: 4 bytes are announced, 1 are left"
        );
    }

    #[test]
    fn an_implausible_count_is_refused_before_anything_is_reserved() {
        let reader = Reader::new("file", &[0; 16]);
        assert_eq!(reader.plausible(4, 4), Ok(4));
        assert!(reader.plausible(5, 4).is_err());
        assert!(reader.plausible(usize::MAX, usize::MAX).is_err());
    }
}
