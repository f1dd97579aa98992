//! One function for each command.

use crate::files::{FileStore, Output, failed};
use crate::threads::{self, Threads};
use crate::{ColumnArgs, RunArgs, SchemaArg, one_line};
use include_dir::{Dir, File, include_dir};
use oddflow::bundle::{FILES, Pack, sha256_hex};
use oddflow::engine::{Engine, Outcome};
use oddflow::evaluate::Bootstrap;
use oddflow::flow::{self, Record};
use oddflow::forest;
use oddflow::generate::Generator;
use oddflow::generate::like::Likeness;
use oddflow::protocol::{Analysis, Lens, Opened, PackChoice, Reply, Request, RoleChange};
use oddflow::report::drift_words;
use oddflow::schema::Role;
use oddflow::store::Store;
use oddflow::train::{self, TrainParams};
use oddflow::{Error, Result};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The packs that come with the program.
static MODELS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/models");

pub fn score(args: &RunArgs, threshold: Option<f32>, reasons: u32, out: Option<&Path>) -> Result<()> {
    // Before the file is read, which may take a while.
    let out = out.map(|path| Output::new(path, &args.file)).transpose()?;
    let (mut engine, analysis) = analyze(args)?;
    let threshold = threshold.unwrap_or(analysis.threshold);
    note(&analysis, threshold);
    let lens = Lens { most_reasoned: reasons, ..Lens::new(threshold) };
    let job = engine.start(Request::Export { lens }, Vec::new(), None);
    let written = engine.finish(job, |_| ())?.written.expect("an export writes");
    let written = written.into_any().downcast::<FileStore>().expect("our own spool");
    match out {
        Some(out) => out.write(|file| written.copy_to(file)),
        None => to_stdout(|out| written.copy_to(out)),
    }
}

pub fn evaluate(args: &RunArgs, threshold: Option<f32>, resamples: u32) -> Result<()> {
    let (mut engine, _) = analyze(args)?;
    let evaluation = engine.evaluate(threshold, Bootstrap { resamples, seed: args.seed })?;
    to_stdout(|out| {
        serde_json::to_writer_pretty(&mut *out, &evaluation)?;
        writeln!(out)
    })
}

pub fn fit(file: &Path, columns: &ColumnArgs) -> Result<()> {
    let mut engine = engine_with_packs()?;
    let opened = open(&mut engine, file)?;
    let fits = engine.fits(&roles(&opened, columns)?)?;
    let fits = fits.into_iter().map(|(pack, fit)| match fit {
        Ok(fit) => serde_json::json!(fit),
        Err(error) => serde_json::json!({"pack": pack, "accepted": false, "unreadable": error.to_string()}),
    });
    let fits: Vec<_> = fits.collect();
    to_stdout(|out| {
        serde_json::to_writer_pretty(&mut *out, &fits)?;
        writeln!(out)
    })
}

/// How a pack is trained, as the arguments say.
pub struct Recipe {
    pub schema: SchemaArg,
    pub normal_only: bool,
    pub seeds: u32,
    pub seed: u64,
}

pub fn train(files: &[PathBuf], out: &Path, columns: &ColumnArgs, recipe: &Recipe) -> Result<()> {
    let name = out.file_name().ok_or_else(|| Error::new("The folder to write to has no name"))?.to_string_lossy();
    let mut params = TrainParams::new(&name, "", recipe.seed);
    params.runs = recipe.seeds;
    params.normal_only = recipe.normal_only;
    let start = Instant::now();
    let mut stage = String::new();
    let mut told = Duration::ZERO;
    let mut progress = |progress: train::Progress| {
        let elapsed = start.elapsed();
        if elapsed < told + Duration::from_secs(if progress.stage == stage { 5 } else { 1 }) {
            return;
        }
        told = elapsed;
        let left = elapsed.as_secs_f64() * (1.0 - progress.done) / progress.done.max(0.01);
        eprintln!("{:3.0} %, about {left:.0} s left: {}", progress.done * 100.0, one_line(&progress.stage));
        stage = progress.stage;
    };
    let digest = |file: &Path| fs::read(file).map(|bytes| sha256_hex(&bytes)).map_err(|e| failed("read", file, &e));
    let mut engine = new_engine()?;
    let pack = match (recipe.schema, files) {
        (SchemaArg::Columns, [file]) => {
            params.data_sha256 = digest(file)?;
            let opened = open(&mut engine, file)?;
            let roles = roles(&opened, columns)?;
            engine.with_table(&roles, |table, schema| train::train(table, schema, &params, &mut progress))?
        }
        (SchemaArg::Columns, _) => {
            return Err(Error::new("Several files have to be read as flow records").advice("Add --schema flow"));
        }
        (SchemaArg::Flow, files) => {
            let mut views = Vec::new();
            let mut digests = String::new();
            for file in files {
                let (source, file) = source_of(file);
                digests += &digest(&file)?;
                let opened = open(&mut engine, &file)?;
                let (table, schema) = engine
                    .with_table(&roles(&opened, columns)?, |table, schema| Record::Flow.view(table, schema))
                    .map(|view| view.expect("flow records are a view"))
                    .map_err(|error| Error { what: format!("{}: {}", file.display(), error.what), ..error })?;
                views.push((source, table, schema));
            }
            params.data_sha256 = if files.len() == 1 { digests } else { sha256_hex(digests.as_bytes()) };
            params.record = Record::Flow;
            let sources: BTreeSet<&String> = views.iter().map(|(source, ..)| source).collect();
            if sources.len() > 1 {
                params = params.for_sources();
            }
            let (table, schema) = flow::concat(&views);
            train::train(&table, &schema, &params, &mut progress)?
        }
    };
    // All files at the end, the manifest last: an interrupted training leaves no pack that could be opened.
    fs::create_dir_all(out).map_err(|error| failed("make", out, &error))?;
    let files: [(&str, &[u8]); 4] = [
        ("forest.bin", &pack.forest),
        ("dnn.onnx", &pack.dnn),
        ("MODEL_CARD.md", pack.card.as_bytes()),
        ("manifest.json", &pack.manifest),
    ];
    for (name, bytes) in files {
        let path = out.join(name);
        fs::write(&path, bytes).map_err(|error| failed("write", &path, &error))?;
        println!("{}: {} bytes", path.display(), bytes.len());
    }
    Ok(())
}

/// The name of a source and its file, of `NAME=FILE` or of a file alone, whose name up to the first dot it then is.
fn source_of(argument: &Path) -> (String, PathBuf) {
    let text = argument.to_string_lossy();
    if let Some((name, file)) = text.split_once('=').filter(|_| !argument.exists()) {
        return (name.to_owned(), file.into());
    }
    let name = argument.file_name().unwrap_or_default().to_string_lossy();
    (name.split('.').next().unwrap_or_default().to_owned(), argument.to_owned())
}

pub fn split(file: &Path, test: f64, stratify: bool, seed: u64, columns: &ColumnArgs, out: &Path) -> Result<()> {
    let mut engine = new_engine()?;
    let opened = open(&mut engine, file)?;
    let parts = engine.split(test, stratify, seed, &roles(&opened, columns)?)?;
    let parts = ["train.csv", "test.csv"].into_iter().map(str::to_owned).zip(parts);
    write_parts(&engine, file, parts, out)
}

pub fn chunks(file: &Path, chunks: NonZeroU32, out: &Path) -> Result<()> {
    let mut engine = new_engine()?;
    open(&mut engine, file)?;
    let width = chunks.to_string().len();
    let parts = engine.chunks(chunks.get())?;
    let parts = parts.into_iter().enumerate().map(|(at, rows)| (format!("chunk-{:0width$}.csv", at + 1), rows));
    write_parts(&engine, file, parts, out)
}

fn write_parts(
    engine: &Engine,
    input: &Path,
    parts: impl Iterator<Item = (String, Vec<u32>)>,
    folder: &Path,
) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))?;
    let input = fs::canonicalize(input).map_err(|error| failed("read", input, &error))?;
    for (name, rows) in parts {
        let path = folder.join(name);
        // The parts are read from the input while they are written.
        if fs::canonicalize(&path).is_ok_and(|path| path == input) {
            return Err(Error::new(format!("The part {} would overwrite the file itself", path.display()))
                .advice("Write to another folder"));
        }
        let fail = |error: io::Error| failed("write", &path, &error);
        let mut file = io::BufWriter::new(fs::File::create(&path).map_err(fail)?);
        engine.write_part(&rows, |bytes| file.write_all(bytes).map_err(fail))?;
        file.flush().map_err(fail)?;
        println!("{}: {} records", path.display(), rows.len());
    }
    Ok(())
}

/// Appends some records; `false` when there are no more.
type WriteSome = dyn FnMut(&mut Vec<u8>) -> bool;

pub fn generate(rows: u32, seed: u64, like: Option<&str>) -> Result<()> {
    const AT_ONCE: u32 = 8192;
    let mut write: Box<WriteSome> = match like {
        None => {
            let mut generator = Generator::new(rows, seed);
            Box::new(move |out| generator.write(AT_ONCE, out))
        }
        Some(pack) => {
            let pack = if Path::new(pack).is_dir() { open_pack(Path::new(pack))? } else { built_in_pack(pack)? };
            let mut likeness = Likeness::new(pack.manifest(), rows, seed)?;
            Box::new(move |out| likeness.write(AT_ONCE, out))
        }
    };
    to_stdout(|out| {
        let mut text = Vec::new();
        loop {
            text.clear();
            let more = write(&mut text);
            out.write_all(&text)?;
            if !more {
                return Ok(());
            }
        }
    })
}

/// Opens and scores the file.
fn analyze(args: &RunArgs) -> Result<(Engine, Analysis)> {
    let mut settings = args.settings();
    // Before the file is read, which may take a while.
    forest::check_size(settings.n_estimators, settings.max_samples)?;
    let mut engine = engine_with_packs()?;
    let usual = || thread::available_parallelism().map_or(1, |n| n.get().min(threads::MOST as usize));
    let n_threads = args.threads.map_or_else(usual, |n| n as usize);
    if n_threads > 1 {
        engine.hire(Box::new(Threads::start(n_threads - 1)?))?;
    }
    if let Some(megabytes) = args.memory {
        engine.set_memory_limit(u64::from(megabytes.get()) << 20)?;
    }
    if let PackChoice::Named(name) = &settings.pack
        && Path::new(name).is_dir()
    {
        let pack = open_pack(Path::new(name))?;
        settings.pack = PackChoice::Named(pack.manifest().name.clone());
        engine.add_pack(pack);
    }
    let opened = open(&mut engine, &args.file)?;
    let roles = roles(&opened, &args.columns)?;
    if let Some(path) = &args.normal_file {
        let (name, file) = named(path)?;
        let job = engine.start(Request::OpenReference { name }, Vec::new(), Some(file));
        engine.finish(job, |_| ())?;
    }
    let job = engine.start(Request::Analyze { settings, roles }, Vec::new(), None);
    match engine.finish(job, |_| ())? {
        Outcome { reply: Reply::Analyzed(analysis), .. } => Ok((engine, *analysis)),
        _ => unreachable!("an analysis answers with an analysis"),
    }
}

fn new_engine() -> Result<Engine> {
    FileStore::try_temporary()?;
    Ok(Engine::new(|| Box::new(FileStore::temporary())))
}

fn engine_with_packs() -> Result<Engine> {
    let mut engine = new_engine()?;
    for pack in MODELS.dirs() {
        engine.add_pack(pack_in(pack)?);
    }
    Ok(engine)
}

fn built_in_pack(name: &str) -> Result<Pack> {
    pack_in(MODELS.get_dir(name).ok_or_else(|| Error::new(format!("There is no model pack named \"{name}\"")))?)
}

fn pack_in(folder: &Dir<'_>) -> Result<Pack> {
    pack_of(|name| Ok(folder.get_file(folder.path().join(name)).map_or(&[][..], File::contents)))
}

fn open_pack(folder: &Path) -> Result<Pack> {
    pack_of(|name| {
        let path = folder.join(name);
        fs::read(&path).map_err(|error| failed("read", &path, &error))
    })
}

/// A pack from its files by name.
fn pack_of<B: AsRef<[u8]>>(read: impl Fn(&str) -> Result<B>) -> Result<Pack> {
    let [manifest, forest, dnn] = FILES.map(read);
    Pack::open(manifest?.as_ref(), forest?.as_ref(), dnn?.as_ref())
}

fn open(engine: &mut Engine, path: &Path) -> Result<Opened> {
    let (name, file) = named(path)?;
    let job = engine.start(Request::Open { name, files: Vec::new() }, Vec::new(), Some(file));
    match engine.finish(job, |_| ())? {
        Outcome { reply: Reply::Opened(opened), .. } => Ok(*opened),
        _ => unreachable!("an open file answers with what was found"),
    }
}

/// A file with its name.
fn named(path: &Path) -> Result<(String, Box<dyn Store>)> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok((name, Box::new(FileStore::open(path)?)))
}

/// The changes of role that the arguments ask for.
fn roles(opened: &Opened, args: &ColumnArgs) -> Result<Vec<RoleChange>> {
    let labels = args.label.iter().map(|name| (name, Role::Label));
    let ignored = args.ignore.iter().map(|name| (name, Role::Ignored));
    labels
        .chain(ignored)
        .map(|(name, role)| {
            let columns = &opened.schema.columns;
            let column = columns.iter().position(|column| column.name == *name || column.canonical == *name);
            let column = column.ok_or_else(|| {
                let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).take(60).collect();
                Error::new(format!("There is no column \"{name}\""))
                    .advice(format!("The file has {}", names.join(", ")))
            })?;
            Ok(RoleChange { column: column as u32, role })
        })
        .collect()
}

/// Tells on standard error what was done.
fn note(analysis: &Analysis, threshold: f32) {
    // A name of the file's may be part of it.
    eprintln!("{} {}", one_line(&analysis.explanation), analysis.score_meaning);
    let unscored = analysis.n_rows - analysis.n_scored;
    eprintln!("{} records, {unscored} of them unscored; threshold {threshold}.", analysis.n_rows);
    if let Some(fit) = &analysis.fit {
        eprintln!("{}.", one_line(&drift_words(fit)));
    }
    for warning in &analysis.warnings {
        eprintln!("warning: {}", one_line(warning));
    }
    if analysis.wants_reference {
        eprintln!("Normal records are named by --normal or --normal-file.");
    }
}

fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        // The reader has had enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Error::new(format!("Cannot write to standard output: {error}"))),
    }
}
