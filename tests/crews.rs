//! A file of several chunks, read and scored by any number of crews: the same to the last bit.

#[cfg(feature = "onnx")]
#[expect(dead_code, reason = "other tests need the rest of it")]
mod driver;

use oddflow::Result;
use oddflow::engine::{Engine, Hand, Heard, Outcome, Pool};
use oddflow::generate::Generator;
use oddflow::protocol::{Bulk, Lens, Opened, Reference, Reply, Request, Settings, SortKey};
use oddflow::store::Store;
use std::any::Any;
use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Range;

/// A file whose bytes are only there when they are asked for the third time.
struct Far {
    bytes: Vec<u8>,
    asked: Cell<u32>,
}

impl Far {
    fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), asked: Cell::new(0) }
    }
}

impl Store for Far {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read(&self, start: u64, len: usize, out: &mut Vec<u8>) -> Result<()> {
        self.bytes.read(start, len, out)
    }

    fn is_near(&self, range: Range<u64>, until: u64) -> bool {
        assert!(range.end <= self.size() && range.start < until);
        self.asked.set(self.asked.get() + 1);
        self.asked.get().is_multiple_of(3)
    }

    fn step(&self) -> Option<u64> {
        Some(1 << 20)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Whom a message is for, and what comes with it.
type Told = (usize, Vec<u8>, Vec<Bulk>, Option<Vec<u8>>);

/// Hands that work only when somebody waits for them, the last one first, so that their answers come out of order.
struct Lazy {
    hands: Vec<Hand>,
    told: Vec<Told>,
    heard: VecDeque<Heard>,
}

impl Lazy {
    fn new(n: usize) -> Self {
        // Every other one gives what it writes as a store.
        let hand = |at| if at % 2 == 0 { Hand::that_writes(|| Box::new(Vec::new())) } else { Hand::default() };
        Self { hands: (0..n).map(hand).collect(), told: Vec::new(), heard: VecDeque::new() }
    }
}

impl Pool for Lazy {
    fn n(&self) -> usize {
        self.hands.len()
    }

    fn is_ready(&self, _: usize) -> bool {
        true
    }

    fn send(&mut self, to: usize, message: &[u8], bulk: Vec<Bulk>, store: Option<&dyn Store>) -> Result<()> {
        let bytes = |store: &dyn Store| {
            let mut bytes = Vec::new();
            store.read(0, store.size() as usize, &mut bytes).map(|()| bytes)
        };
        let store = store.map(bytes).transpose()?;
        self.told.push((to, message.to_vec(), bulk, store));
        Ok(())
    }

    fn receive(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    fn wait(&mut self) -> Result<()> {
        let mut answers = Vec::new();
        for (to, message, bulk, store) in self.told.drain(..) {
            let store = store.map(|store| Box::new(Far::new(&store)) as Box<dyn Store>);
            self.hands[to].hear(&message, bulk, store).expect("one build");
        }
        for (from, hand) in self.hands.iter_mut().enumerate() {
            // Some of what they were told they cannot do yet.
            for _ in 0..2 {
                let work = || hand.work().expect("one build");
                answers.extend(std::iter::from_fn(work).map(|answer| Heard { from, answer }));
            }
        }
        self.heard.extend(answers.into_iter().rev());
        Ok(())
    }
}

/// All that the engine says about a file, as text, and the file that it writes.
fn run(file: &[u8], n_hands: usize, memory: u64, settings: &Settings) -> (Vec<String>, String) {
    let mut engine = Engine::new(|| Box::new(Vec::new()));
    if n_hands > 0 {
        engine.hire(Box::new(Lazy::new(n_hands))).unwrap();
    }
    engine.set_memory_limit(memory).unwrap();
    let open = Request::Open { name: "flows.csv".into(), files: Vec::new() };
    let requests = [
        (open, Some(Box::new(Far::new(file)) as Box<dyn Store>)),
        (Request::Analyze { settings: settings.clone(), roles: Vec::new() }, None),
        (arrange(SortKey::Column(0), ""), None),
        (arrange(SortKey::Column(2), "udp"), None),
        (Request::Rows { rows: vec![0, 40_000, 7], reasons_from: 0.6 }, None),
        (survey("proto:udp"), None),
        // Lanes of other times than the filter asks for take a sweep more.
        (survey("proto:udp time:0..1e12"), None),
        (Request::Explain { row: 40_000 }, None),
        (Request::OpenReference { name: "before.csv".into() }, Some(Box::new(file[..file.len() / 2].to_vec()))),
        (compare(""), None),
        // Reasons of both files have to be found for it.
        (compare("reason:dur dport:1..65535"), None),
    ];
    let mut said = Vec::new();
    for (request, file) in requests {
        let job = engine.start(request, Vec::new(), file);
        let Outcome { reply, bulk, .. } = engine.finish(job, |_| ()).unwrap();
        said.push(format!("{reply:?} {bulk:?}"));
    }
    let job = engine.start(Request::Export { lens: Lens::new(0.6) }, Vec::new(), None);
    let written = engine.finish(job, |_| ()).unwrap().written.unwrap();
    (said, String::from_utf8(*written.into_any().downcast::<Vec<u8>>().unwrap()).unwrap())
}

fn arrange(sort: SortKey, filter: &str) -> Request {
    Request::Arrange { sort, descending: true, lens: Lens { filter: filter.into(), ..Lens::new(0.6) }, first: 20 }
}

fn survey(filter: &str) -> Request {
    Request::Survey { lens: Lens { filter: filter.into(), ..Lens::new(0.6) }, lanes: None }
}

fn compare(filter: &str) -> Request {
    Request::Compare { lens: Lens { filter: filter.into(), most_reasoned: 100_000, ..Lens::new(0.6) } }
}

#[test]
fn a_job_given_up_within_a_chunk_changes_nothing() {
    let file = file();
    let open = |engine: &Engine, bytes: &[u8]| {
        let request = Request::Open { name: "flows.csv".into(), files: Vec::new() };
        engine.start(request, Vec::new(), Some(Box::new(Far::new(bytes))))
    };
    let opened = |engine: &mut Engine| {
        let job = open(engine, &file);
        format!("{:?}", engine.finish(job, |_| ()).unwrap().reply)
    };
    let expected = opened(&mut Engine::new(|| Box::new(Vec::new())));
    let mut engine = Engine::new(|| Box::new(Vec::new()));
    engine.hire(Box::new(Lazy::new(1))).unwrap();
    for steps in [1, 2, 3, 5, 8, 13] {
        // The first half of the file has other chunks.
        let mut job = open(&engine, &file[..file.len() / 2]);
        for _ in 0..steps {
            engine.step(&mut job).unwrap();
        }
        drop(job);
        assert_eq!(opened(&mut engine), expected, "{steps}");
    }
}

#[cfg(feature = "onnx")]
#[test]
fn both_stages_are_judged_alike_by_any_number_of_crews() {
    let mut file = Vec::new();
    let mut records = oddflow::generate::like::Likeness::new(driver::a_pack().manifest(), 20_000, 5).unwrap();
    while records.write(8192, &mut file) {}
    let judged = |n_hands: usize| {
        let mut engine = driver::engine();
        if n_hands > 0 {
            engine.hire(Box::new(Lazy::new(n_hands))).unwrap();
        }
        engine.add_pack(driver::a_pack());
        driver::open(&mut engine, file.clone()).unwrap();
        driver::analyze(&mut engine, Settings::default()).unwrap()
    };
    let alone = judged(0);
    let quality = alone.0.quality.as_ref().unwrap();
    let [forest, network] = [&quality.forest, quality.dnn.as_ref().unwrap()].map(|stage| stage.roc_auc);
    assert!(quality.has_both_classes() && (forest - network).abs() > 0.01, "{forest} {network}");
    for n_hands in [1, 3] {
        assert!(judged(n_hands) == alone, "{n_hands} hands");
    }
}

/// About 12 MB: three chunks, some bad records, and quoted line ends where a chunk may well be cut.
fn file() -> Vec<u8> {
    let mut plain = Vec::new();
    let mut generator = Generator::new(120_000, 3);
    while generator.write(8192, &mut plain) {}
    let mut file = Vec::with_capacity(plain.len() + (1 << 20));
    for (number, line) in plain.split_inclusive(|&b| b == b'\n').enumerate() {
        file.extend_from_slice(&line[..line.len() - 1]);
        match number {
            0 => file.extend_from_slice(b",note"),
            n if n % 9_000 == 0 => file.extend_from_slice(b",one,too many"),
            n => file.extend_from_slice(format!(",\"two\nlines, number {}\"", n % 50).as_bytes()),
        }
        file.push(b'\n');
    }
    file
}

#[test]
fn the_number_of_crews_and_their_memory_change_nothing() {
    let file = file();
    let settings = Settings::default();
    let (said, written) = run(&file, 0, 1 << 30, &settings);
    assert!(file.len() > 9 << 20, "the file has several chunks");
    assert_eq!(written.matches(",unscored,").count(), 13);
    assert!(said.last().unwrap().contains("What is shown: "), "{:?}", said.last());
    assert_eq!(written.matches("\nlines, number").count(), 120_000 - 13);
    for (n_hands, memory) in [(0, 0), (1, 1 << 30), (3, 20 << 20)] {
        let (other_said, other_written) = run(&file, n_hands, memory, &settings);
        for (said, other) in said.iter().zip(&other_said) {
            assert!(said == other, "{n_hands} hands: {} … is not {} …", &other[..200], &said[..200]);
        }
        assert!(written == other_written, "{n_hands} hands write another file");
    }
}

#[test]
fn normal_records_are_found_in_all_chunks() {
    let file = file();
    let settings = Settings { reference: Reference::Filter("number 7\"".into()), ..Settings::default() };
    let (said, _) = run(&file, 0, 1 << 30, &settings);
    assert!(said[1].contains("2,400 records that contain"), "{}", &said[1][..400]);
    assert!(run(&file, 2, 1 << 30, &settings).0[1] == said[1]);
}

#[test]
fn a_record_that_reaches_over_chunks_is_one_record() {
    let mut file = b"a,b\n".to_vec();
    for i in 0..1000 {
        file.extend_from_slice(format!("{i},{}\n", i * 7 % 13).as_bytes());
    }
    // One quoted field of five lines of a megabyte each is longer than a record may be.
    file.extend_from_slice(b"1,\"");
    for _ in 0..5 {
        file.extend_from_slice(&vec![b'x'; 1 << 20]);
        file.push(b'\n');
    }
    file.extend_from_slice(b"\"\n");
    for i in 0..1000 {
        file.extend_from_slice(format!("{i},{}\n", i * 5 % 11).as_bytes());
    }
    let opened = |n_hands| -> Opened {
        let mut engine = Engine::new(|| Box::new(Vec::new()));
        if n_hands > 0 {
            engine.hire(Box::new(Lazy::new(n_hands))).unwrap();
        }
        let job = engine.start(
            Request::Open { name: "x".into(), files: Vec::new() },
            Vec::new(),
            Some(Box::new(file.clone())),
        );
        match engine.finish(job, |_| ()).unwrap().reply {
            Reply::Opened(opened) => *opened,
            other => panic!("{other:?}"),
        }
    };
    let alone = opened(0);
    assert_eq!((alone.n_rows - alone.n_bad, opened(2)), (2000, alone));
}

/// The file that the engine writes.
fn annotated(file: &[u8], n_hands: usize) -> Result<String> {
    annotated_with(file, n_hands, &[Lens::USUALLY_REASONED]).map(|mut files| files.remove(0))
}

/// The files that it writes, each with reasons for so many records.
fn annotated_with(file: &[u8], n_hands: usize, most_reasoned: &[u32]) -> Result<Vec<String>> {
    let mut engine = Engine::new(|| Box::new(Vec::new()));
    if n_hands > 0 {
        engine.hire(Box::new(Lazy::new(n_hands)))?;
    }
    let requests = [
        (Request::Open { name: "x.csv".into(), files: Vec::new() }, Some(Box::new(Far::new(file)) as Box<dyn Store>)),
        (Request::Analyze { settings: Settings::default(), roles: Vec::new() }, None),
    ];
    let mut threshold = 0.0;
    for (request, file) in requests {
        let job = engine.start(request, Vec::new(), file);
        if let Reply::Analyzed(analysis) = engine.finish(job, |_| ())?.reply {
            threshold = analysis.threshold;
        }
    }
    let write = |&most_reasoned: &u32| {
        let lens = Lens { most_reasoned, ..Lens::new(threshold) };
        let job = engine.start(Request::Export { lens }, Vec::new(), None);
        let written = engine.finish(job, |_| ())?.written.unwrap();
        Ok(String::from_utf8(*written.into_any().downcast::<Vec<u8>>().unwrap()).unwrap())
    };
    most_reasoned.iter().map(write).collect()
}

#[test]
fn chunks_without_good_records_are_scored() {
    let good: String = (0..2000).map(|i| format!("{i},{},{}\n", i * 7 % 13, i * 5 % 11)).collect();
    let bad = "1,2\n".repeat(2_500_000);
    // A line that fills two chunks leaves one empty, which begins where the next one does.
    let overlong = "x".repeat(13_000_000);
    for (middle, n_bad) in [(bad.as_str(), 2_500_000), (overlong.as_str(), 1)] {
        let file = format!("a,b,c\n{good}{middle}\n{good}");
        let alone = annotated(file.as_bytes(), 0).unwrap();
        assert_eq!(alone.matches(",unscored,").count(), n_bad);
        assert_eq!(alone.matches(",normal,").count() + alone.matches(",anomaly,").count(), 4000);
        assert!(annotated(file.as_bytes(), 2).unwrap() == alone);
    }
}

#[test]
fn chunks_begin_with_a_record_wherever_they_are_cut() {
    let records = |n: usize, end: &str| -> String {
        (0..n).map(|i| format!("{:07},{:07},{:015}{end}", i, i * 7 % 13, i * 5 % 11)).collect()
    };
    let header = |end: &str| format!("{:>7},{:>7},{:>15}{end}", "a", "b", "c");
    let last = |text: &str, n: usize| text[..text.len() - n].to_owned();
    for (file, n) in [
        // All lines are as long as one another, and there are as many in each of the four chunks.
        (header("\n") + &records(400_000, "\n"), 400_000),
        (header("\r") + &records(400_000, "\r"), 400_000),
        (header("\r\n") + &records(300_001, "\r\n"), 300_001),
        // The last line has no end, or is cut short.
        (last(&(header("\n") + &records(400_001, "\n")), 1), 400_001),
        (last(&(header("\n") + &records(400_001, "\n")), 20), 400_000),
    ] {
        let alone = annotated(file.as_bytes(), 0).unwrap();
        assert_eq!(alone.matches(",normal,").count() + alone.matches(",anomaly,").count(), n);
        assert!(annotated(file.as_bytes(), 2).unwrap() == alone);
    }
}

#[test]
fn a_file_without_a_good_record_is_refused() {
    let error = annotated(b"#fields\tts\tproto\torig_bytes\n1\t2\n1\t2\n", 0).unwrap_err();
    assert_eq!(error.what, "None of the 2 records can be read; line 2: 2 fields, expected 3");
}

#[test]
fn of_many_equally_odd_records_the_first_have_reasons() {
    let mut file = String::from("bytes,packets,port\n");
    for i in 0..120_000 {
        file += &format!("{},{},443\n", 1000 + i * 37 % 500, 10 + i % 7);
        if i % 20 == 0 {
            file += "900000000,88000,443\n";
        }
    }
    let most = [Lens::USUALLY_REASONED, 0, 1, 5999, u32::MAX];
    let files = annotated_with(file.as_bytes(), 0, &most).unwrap();
    // Each chunk takes several orders.
    assert!(annotated_with(file.as_bytes(), 2, &[u32::MAX]).unwrap()[0] == files[4]);
    for (most, written) in most.into_iter().zip(files) {
        let has_reasons: Vec<bool> = written
            .lines()
            .filter(|line| line.starts_with("900000000,") && line.contains(",anomaly,"))
            .map(|line| line.contains("more than"))
            .collect();
        let n = most.min(6000) as usize;
        assert_eq!(has_reasons, [vec![true; n], vec![false; 6000 - n]].concat(), "{most}");
    }
}

/// The beginning of the file promises five times the records that there are.
#[test]
fn the_sample_is_large_enough_however_the_file_goes_on() {
    let mut file = b"a,b\n".to_vec();
    for row in 0..300_000_u32 {
        file.extend_from_slice(format!("{},{}\n", row % 7, row % 10).as_bytes());
    }
    for row in 0..5_000_u32 {
        file.extend_from_slice(format!("{},{}{row}\n", row % 7, "9".repeat(800)).as_bytes());
    }
    let heard = |n_hands: usize, memory: u64| {
        let mut engine = Engine::new(|| Box::new(Vec::new()));
        engine.hire(Box::new(Lazy::new(n_hands))).unwrap();
        engine.set_memory_limit(memory).unwrap();
        let open = engine.start(
            Request::Open { name: "flows.csv".into(), files: Vec::new() },
            Vec::new(),
            Some(Box::new(file.clone())),
        );
        engine.finish(open, |_| ()).unwrap();
        let analyze = Request::Analyze { settings: Settings::default(), roles: Vec::new() };
        let job = engine.start(analyze, Vec::new(), None);
        let Outcome { reply: Reply::Analyzed(analysis), bulk, .. } = engine.finish(job, |_| ()).unwrap() else {
            panic!("it was analyzed");
        };
        assert_eq!(
            (analysis.n_scored, analysis.background.rows, analysis.background.complete),
            (305_000, 1 << 17, false)
        );
        format!("{analysis:?} {bulk:?}")
    };
    let alone = heard(0, 1 << 30);
    assert!(heard(2, 0) == alone, "two hands without memory pick another sample");
}
