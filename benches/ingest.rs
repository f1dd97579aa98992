//! How fast files become tables, in MB/s: `cargo bench --bench ingest`.

use divan::Bencher;
use divan::counter::BytesCount;
use oddflow::generate::Generator;
use oddflow::ingest::Reader;
use oddflow::rng::Rng;
use std::fmt::Write;

fn main() {
    divan::main();
}

const ROWS: u32 = 200_000;
/// As a program pushes them.
const STEP: usize = 8 << 20;

#[divan::bench(sample_count = 20, sample_size = 1)]
fn features_41(bencher: Bencher) {
    read(bencher, &features(""));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn features_41_with_quoted_texts(bencher: Bencher) {
    read(bencher, &features("\""));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn flows_of_the_sample(bencher: Bencher) {
    let mut text = Vec::new();
    Generator::new(ROWS, 1).write(ROWS, &mut text);
    read(bencher, &text);
}

fn read(bencher: Bencher, text: &[u8]) {
    bencher.counter(BytesCount::of_slice(text)).bench(|| {
        let mut reader = Reader::sized(text.len() as u64);
        text.chunks(STEP).for_each(|bytes| reader.push(bytes).expect("the table can be read"));
        reader.finish().expect("the table can be read")
    });
}

/// Records of 41 features in the manner of KDD Cup 1999, three of them texts, and a label: some 148 bytes each.
fn features(quote: &str) -> Vec<u8> {
    const SERVICES: [&str; 8] = ["http", "smtp", "domain_u", "private", "ftp_data", "eco_i", "telnet", "other"];
    let mut rng = Rng::new(1);
    let mut text: Vec<String> = (0..41).map(|at| format!("feature_{at}")).collect();
    text.push("label".into());
    let mut text = text.join(",");
    for _ in 0..ROWS {
        let mut texts = |of: &[&str]| format!("{quote}{}{quote}", of[rng.below(of.len() as u32) as usize]);
        let (proto, service) = (texts(&["tcp", "tcp", "udp", "icmp"]), texts(&SERVICES));
        let (flag, label) = (texts(&["SF", "S0", "REJ"]), texts(&["normal", "neptune", "smurf"]));
        let mut integer = || {
            let bits = rng.below(12);
            rng.below(1 << bits)
        };
        write!(text, "\n{},{proto},{service},{flag}", integer()).expect("text can be written");
        for at in 0..37 {
            match at % 4 {
                0 => write!(text, ",{}", integer()),
                1 => write!(text, ",{}", integer() % 2),
                _ if at < 26 => write!(text, ",{}", integer() % 10),
                _ => write!(text, ",{:.2}", f64::from(integer() % 101) / 100.0),
            }
            .expect("text can be written");
        }
        text.push(',');
        text.push_str(&label);
    }
    text.push('\n');
    text.into_bytes()
}
