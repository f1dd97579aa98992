//! Files that are no text, known by their first bytes, and what to do with each.

use crate::error::Error;

/// RFC 1952, section 2.3.1.
pub const GZIP: &[u8] = &[0x1F, 0x8B];

const TO_RECORDS: &str = "Make flow records of it first, for example with `zeek -r`";
const UNPACK: &str = "Unpack it and choose the file inside";
const CHOOSE: &str = "Choose a table of flow records, such as a CSV file";
const EXPORT: &str = "Export the table as CSV";

/// First bytes, what they are, and the way out.
const KINDS: &[(&[u8], &str, &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "a PNG image, not a table of flows", CHOOSE),
    (b"\xFF\xD8\xFF", "a JPEG image, not a table of flows", CHOOSE),
    (b"GIF87a", "a GIF image, not a table of flows", CHOOSE),
    (b"GIF89a", "a GIF image, not a table of flows", CHOOSE),
    (b"%PDF-", "a PDF document, not a table of flows", CHOOSE),
    (b"PK\x03\x04", "a ZIP archive", UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", CHOOSE),
    (b"\x28\xB5\x2F\xFD", "a Zstandard file", "Decompress it with `zstd -d`, or compress it with gzip instead"),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive", UNPACK),
    (b"\xFD7zXZ\0", "an XZ file", "Decompress it with `xz -d`, or compress it with gzip instead"),
    (b"BZh", "a bzip2 file", "Decompress it with `bzip2 -d`, or compress it with gzip instead"),
    (b"Rar!\x1A\x07", "a RAR archive", UNPACK),
    (b"\xA1\xB2\xC3\xD4", "a packet capture (PCAP), not flow records", TO_RECORDS),
    (b"\xD4\xC3\xB2\xA1", "a packet capture (PCAP), not flow records", TO_RECORDS),
    (b"\xA1\xB2\x3C\x4D", "a packet capture (PCAP), not flow records", TO_RECORDS),
    (b"\x4D\x3C\xB2\xA1", "a packet capture (PCAP), not flow records", TO_RECORDS),
    (b"\x0A\x0D\x0D\x0A", "a packet capture (PCAPNG), not flow records", TO_RECORDS),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"ARROW1", "an Arrow file", EXPORT),
    (b"SQLite format 3\0", "an SQLite database", EXPORT),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old Excel or Word document", EXPORT),
    (b"\x7FELF", "a program (ELF), not a table of flows", CHOOSE),
];

/// What the file is, if its first bytes are those of no text file.
#[must_use]
pub fn not_text(head: &[u8]) -> Option<Error> {
    let kind = |what: &str, advice: &str| Some(Error::new(format!("This is {what}")).advice(advice));
    let holds = |needle: &[u8]| head.windows(needle.len()).any(|window| window == needle);
    if head.starts_with(b"PK\x03\x04") && (holds(b"[Content_Types].xml") || holds(b"xl/")) {
        return kind("an Excel workbook", "Save the sheet as CSV");
    }
    if head.get(257..262) == Some(b"ustar") {
        return kind("a tar archive", UNPACK);
    }
    KINDS.iter().find(|(magic, ..)| head.starts_with(magic)).and_then(|(_, what, advice)| kind(what, advice))
}
