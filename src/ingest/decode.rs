//! Undoes gzip and UTF-16, makes a table of JSON lines, and turns away what is no text. Bytes in, bytes out; everything else
//! passes through.

use super::json::{self, JsonLines};
use super::magic;
use crate::error::{Error, Result};
use crate::report::count;
use encoding_rs::{CoderResult, Encoding, UTF_16BE, UTF_16LE};
use flate2::write::GzDecoder;
use std::io::Write;

/// The largest decompressed size by default: 4 GiB.
pub const MAX_DECODED: u64 = 4 << 30;

// Enough to see every magic number (tar's is at 257) and to tell UTF-16 from its zeros.
const HEAD: usize = 512;
// Deflate expands at most 1032-fold, so this bounds what one step can add before the cap is looked at.
const STEP: usize = 16 << 10;

/// Undoes what lies between the stored bytes and their text. Push at most a few MiB at once: compressed bytes can grow
/// a thousandfold, and all that one push yields is appended at once.
pub struct Decoder {
    /// The member of a gzip file that is being read.
    gzip: Option<Box<GzDecoder<Vec<u8>>>>,
    /// Bytes behind a complete member, until there are enough to see whether another follows; what else does is passed over.
    behind: Option<Vec<u8>>,
    /// Decompressed bytes that are too few to tell what they are.
    head: Vec<u8>,
    /// First bytes as stored, until there are enough to see gzip's magic.
    stored: Vec<u8>,
    started: bool,
    utf16: Option<(&'static str, encoding_rs::Decoder)>,
    json: Option<Box<JsonLines>>,
    decided: bool,
    max_decoded: u64,
    decoded: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    #[must_use]
    pub fn new() -> Self {
        Self::with_cap(MAX_DECODED)
    }

    /// `max_decoded` bounds the decompressed size, in bytes.
    #[must_use]
    pub fn with_cap(max_decoded: u64) -> Self {
        Self {
            gzip: None,
            behind: None,
            head: Vec::new(),
            stored: Vec::new(),
            started: false,
            utf16: None,
            json: None,
            decided: false,
            max_decoded,
            decoded: 0,
        }
    }

    /// Appends the decoded bytes to `out`.
    ///
    /// # Errors
    /// Bytes that are no text, broken gzip, or more decompressed bytes than the cap allows.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if self.started {
            return self.inflate(bytes, out);
        }
        self.stored.extend_from_slice(bytes);
        if self.stored.len() >= magic::GZIP.len() {
            self.start(out)?;
        }
        Ok(())
    }

    /// Appends what was held back.
    ///
    /// # Errors
    /// An empty file, and gzip that ends early.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if !self.started {
            self.start(out)?;
        }
        if let Some(mut gzip) = self.gzip.take() {
            let ended = gzip.try_finish();
            let rest = std::mem::take(gzip.get_mut());
            self.decode(&rest, out)?;
            if ended.is_err() {
                let read = count(self.decoded);
                return Err(Error::new(format!("The gzip file ends early or is damaged: {read} bytes could be read"))
                    .advice("Get the file again, or cut it at the last whole record"));
            }
        }
        if self.decoded == 0 {
            return Err(Error::new("The file is empty").advice("Choose a file that holds flow records"));
        }
        if !self.decided {
            self.decide(out)?;
        }
        if let Some((_, decoder)) = &mut self.utf16 {
            transcode(decoder, &[], true, out);
        }
        match &mut self.json {
            Some(json) => json.finish(out),
            None => Ok(()),
        }
    }

    /// What there is to say about what was undone.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.json.as_ref().map(|json| json.notes()).unwrap_or_default()
    }

    /// Whether the decoded bytes are the stored ones, so that spans point into the file. Known once 512 bytes have been
    /// pushed, or at the end.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.compression().is_none() && self.utf16.is_none() && self.json.is_none()
    }

    #[must_use]
    pub fn compression(&self) -> Option<&'static str> {
        (self.gzip.is_some() || self.behind.is_some() || self.stored.starts_with(magic::GZIP)).then_some("gzip")
    }

    /// Whether a table was made of JSON lines. Known as [`Self::is_identity`] is.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// Whether something follows the gzip data that is none, and was passed over.
    #[must_use]
    pub fn has_rest(&self) -> bool {
        self.behind.as_ref().is_some_and(|behind| !behind.is_empty())
    }

    /// The encoding that was undone; `UTF-8` stands for all that pass through.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        self.utf16.as_ref().map_or("UTF-8", |(name, _)| name)
    }

    fn start(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.started = true;
        let stored = std::mem::take(&mut self.stored);
        if stored.starts_with(magic::GZIP) {
            self.gzip = Some(Box::new(GzDecoder::new(Vec::new())));
            // `compression` is asked for after the decompressor has gone.
            self.stored = magic::GZIP.to_vec();
        }
        self.inflate(&stored, out)
    }

    fn inflate(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if let Some(behind) = &mut self.behind {
                let missing = magic::GZIP.len().saturating_sub(behind.len()).min(rest.len());
                if missing == 0 {
                    return Ok(());
                }
                behind.extend_from_slice(&rest[..missing]);
                rest = &rest[missing..];
                if behind == magic::GZIP {
                    self.behind = None;
                    let mut next = GzDecoder::new(Vec::new());
                    next.write_all(magic::GZIP).map_err(|cause| self.damaged(&cause))?;
                    self.gzip = Some(Box::new(next));
                }
                continue;
            }
            let Some(mut gzip) = self.gzip.take() else { return self.decode(rest, out) };
            let written = gzip.write(&rest[..rest.len().min(STEP)]);
            // Nothing is taken behind the end of a member, whose checksum is then looked at.
            let ended = matches!(written, Ok(0));
            let written = if ended { gzip.try_finish().map(|()| 0) } else { written };
            let inflated = std::mem::take(gzip.get_mut());
            self.decode(&inflated, out)?;
            match written {
                Ok(n) => rest = &rest[n..],
                Err(cause) => return Err(self.damaged(&cause)),
            }
            if ended {
                self.behind = Some(Vec::new());
            } else {
                self.gzip = Some(gzip);
            }
        }
        Ok(())
    }

    fn damaged(&self, cause: &std::io::Error) -> Error {
        let read = count(self.decoded);
        Error::new(format!("The gzip file is damaged after {read} decompressed bytes ({cause})"))
            .advice("Get the file again, or decompress it with a tool that repairs")
    }

    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.decoded += bytes.len() as u64;
        if self.decoded > self.max_decoded && self.compression().is_some() {
            let cap = count(self.max_decoded);
            return Err(Error::new(format!("The file holds more than {cap} bytes when decompressed"))
                .advice("Split it and analyze its parts"));
        }
        if self.decided {
            return self.pass(bytes, out);
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() >= HEAD { self.decide(out) } else { Ok(()) }
    }

    fn decide(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.decided = true;
        let head = std::mem::take(&mut self.head);
        // Whatever the sizes of the pushes, the same bytes decide.
        let seen = &head[..head.len().min(HEAD)];
        if let Some(error) = magic::not_text(seen) {
            return Err(error);
        }
        if let Some(encoding) = utf16(seen) {
            self.utf16 = Some((encoding.name(), encoding.new_decoder_with_bom_removal()));
        } else if json::begins(seen) {
            self.json = Some(Box::default());
        } else if is_binary(seen) {
            return Err(Error::new("The file is no text: its beginning is full of control characters")
                .advice("Choose a table of flow records, such as a CSV file"));
        }
        self.pass(&head, out)
    }

    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if let Some(json) = &mut self.json {
            return json.push(bytes, out);
        }
        match &mut self.utf16 {
            Some((_, decoder)) => transcode(decoder, bytes, false, out),
            None => out.extend_from_slice(bytes),
        }
        Ok(())
    }
}

fn transcode(decoder: &mut encoding_rs::Decoder, mut bytes: &[u8], last: bool, out: &mut Vec<u8>) {
    let mut text = String::new();
    loop {
        text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len()));
        let (result, read, _) = decoder.decode_to_string(bytes, &mut text, last);
        bytes = &bytes[read..];
        out.append(&mut std::mem::take(&mut text).into_bytes());
        if result == CoderResult::InputEmpty {
            return;
        }
    }
}

/// Whether about one byte in sixteen or more is a control character that no table needs: random bytes have twice as many. A few, as a
/// crash or a full disk leave them in a log, are part of a cell.
fn is_binary(head: &[u8]) -> bool {
    let controls =
        head.iter().filter(|&&b| b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | 0x1B)).count();
    controls > 4 + head.len() / 16
}

/// UTF-16 by its byte order mark, or by the zeros that it has in every other place where the text is ASCII.
fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0xFF, 0xFE, ..] => return Some(UTF_16LE),
        [0xFE, 0xFF, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let pairs = head.len() / 2;
    let zeros = |odd: usize| (0..pairs).filter(|pair| head[2 * pair + odd] == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let most = pairs * 7 / 10;
    match pairs >= 2 {
        true if odd > most && even == 0 => Some(UTF_16LE),
        true if even > most && odd == 0 => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(bytes: &[u8], chunk: usize) -> Result<(Vec<u8>, Decoder)> {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        for chunk in bytes.chunks(chunk) {
            decoder.push(chunk, &mut out)?;
        }
        decoder.finish(&mut out)?;
        Ok((out, decoder))
    }

    fn check(bytes: &[u8], expected: &[u8], compression: Option<&str>, encoding: &str) {
        for chunk in [1, 2, 3, 7, 4096, usize::MAX] {
            let (out, decoder) = decode(bytes, chunk).unwrap();
            assert!(out == expected, "chunks of {chunk}");
            assert_eq!((decoder.compression(), decoder.encoding()), (compression, encoding));
            assert_eq!(decoder.is_identity(), compression.is_none() && encoding == "UTF-8");
        }
    }

    #[test]
    fn undoes_gzip_and_utf16() {
        let text = "a,b\n1,2\n".repeat(300);
        let wide = |swap: bool, mark: bool| -> Vec<u8> {
            let mark = if mark { "\u{FEFF}" } else { "" };
            let units = mark.encode_utf16().chain(text.encode_utf16());
            units.flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        check(text.as_bytes(), text.as_bytes(), None, "UTF-8");
        check(b"\xEF\xBB\xBFa\n", b"\xEF\xBB\xBFa\n", None, "UTF-8");
        check(b"a", b"a", None, "UTF-8");
        check(&gzip(text.as_bytes()), text.as_bytes(), Some("gzip"), "UTF-8");
        let two_members = [gzip(text.as_bytes()), gzip(text.as_bytes())].concat();
        check(&two_members, text.repeat(2).as_bytes(), Some("gzip"), "UTF-8");
        for mark in [false, true] {
            check(&wide(false, mark), text.as_bytes(), None, "UTF-16LE");
            check(&wide(true, mark), text.as_bytes(), None, "UTF-16BE");
        }
        check(&gzip(&wide(false, true)), text.as_bytes(), Some("gzip"), "UTF-16LE");
    }

    #[test]
    fn turns_away_what_is_no_text() {
        let text = "a,b\n1,2\n".repeat(3000);
        let whole = gzip(text.as_bytes());
        let mut broken = whole.clone();
        let at = broken.len() - 6;
        broken[at] ^= 0xFF;
        for (bytes, message) in [
            (&b""[..], "The file is empty"),
            (&gzip(b""), "The file is empty"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "This is a PNG image"),
            (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "This is an Excel workbook"),
            (b"\xd4\xc3\xb2\xa1\x02\0\x04\0", "This is a packet capture"),
            (&gzip(b"\x89PNG\r\n\x1a\n"), "This is a PNG image"),
            (b"RIFF\x01\x00\x00\x00\x03\x00\x00\x07data", "The file is no text"),
            (&gzip(&[3; 600]), "The file is no text"),
            (&whole[..whole.len() - 9], "The gzip file ends early or is damaged: "),
            (&whole[..5], "The gzip file ends early or is damaged: 0 bytes could be read"),
            (&broken, "The gzip file"),
        ] {
            for chunk in [1, 7, usize::MAX] {
                let error = decode(bytes, chunk).err().expect(message).to_string();
                assert!(error.starts_with(message), "{error:?} does not start with {message:?}");
            }
        }
    }

    #[test]
    fn a_few_nul_bytes_are_text() {
        check(b"a,b\n1,2\n3,\x004\n", b"a,b\n1,2\n3,\x004\n", None, "UTF-8");
        let late = ["a,b\n", &"1,2\n".repeat(1000), "\0\0\0\0\n3,4\n"].concat();
        check(late.as_bytes(), late.as_bytes(), None, "UTF-8");
        check(&gzip(late.as_bytes()), late.as_bytes(), Some("gzip"), "UTF-8");
    }

    #[test]
    fn what_follows_gzip_data_is_passed_over() {
        let text = "a,b\n1,2\n".repeat(300);
        for (behind, has_rest) in [(&b""[..], false), (&[0; 100_000], true), (b"\x1F", true), (b"garbage", true)] {
            let bytes = [&gzip(text.as_bytes()), behind].concat();
            check(&bytes, text.as_bytes(), Some("gzip"), "UTF-8");
            assert_eq!(decode(&bytes, 50).unwrap().1.has_rest(), has_rest, "{behind:?}");
        }
    }

    #[test]
    fn a_bomb_meets_the_cap() {
        let bomb = gzip(&vec![b'a'; 10 << 20]);
        let (mut decoder, mut out) = (Decoder::with_cap(1 << 20), Vec::new());
        let error = decoder.push(&bomb, &mut out).unwrap_err();
        assert_eq!(error.what, "The file holds more than 1,048,576 bytes when decompressed");
    }
}
