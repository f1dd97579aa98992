//! `oddflow`: the page's engine on the command line, for scripts and for checking the page.
//!
//! Results go to standard output or `--out`, notes to standard error. Exit code 0, or 2 with one clear line on bad input.

mod commands;
mod files;
mod threads;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use oddflow::protocol::{Lens, PackChoice, Reference, Settings};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

/// Finds the odd flows in a network log, on this machine alone.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write every record with its scores and its verdict behind it.
    Score {
        #[command(flatten)]
        run: RunArgs,
        /// Flag records that score at least this, instead of the detector's own threshold.
        #[arg(long, value_parser = finite, allow_negative_numbers = true)]
        threshold: Option<f32>,
        /// The column `oddflow_reasons` is filled for so many records at most, the oddest. Finding reasons takes a second for some
        /// thousands.
        #[arg(long, default_value_t = Lens::USUALLY_REASONED)]
        reasons: u32,
        /// Where to write; standard output if not given.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Print, as JSON, what the file's labels say about its scores.
    Evaluate {
        #[command(flatten)]
        run: RunArgs,
        /// Flag records that score at least this, instead of the detector's own threshold.
        #[arg(long, value_parser = finite, allow_negative_numbers = true)]
        threshold: Option<f32>,
        /// Resamples for the confidence intervals of 95 %; 0 for none.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(..=100_000))]
        bootstrap: u32,
    },
    /// Print, as JSON, how well a file fits each model pack: what drifts, and whether the pack would speak.
    Fit {
        file: PathBuf,
        #[command(flatten)]
        columns: ColumnArgs,
    },
    /// Train a model pack on a labelled file, or on several as flow records.
    Train {
        /// With `--schema flow` more than one; `NAME=FILE` names the source, and files of one name are one source.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The folder to write the pack to; its name becomes the pack's.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        columns: ColumnArgs,
        /// What the models read: the file's own columns, or the flow record that every flow log has in common.
        #[arg(long, value_enum, default_value_t = SchemaArg::Columns)]
        schema: SchemaArg,
        /// Learn from the normal records alone, or from all where there are no labels.
        #[arg(long)]
        normal_only: bool,
        /// Runs that find out how well the recipe does, with a seed and a split each; 0 for none.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
        seeds: u32,
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Cut a file into a training and a test part, or into chunks.
    Split {
        file: PathBuf,
        /// The share of records that go into the test part.
        #[arg(long, conflicts_with = "chunks", value_parser = share, required_unless_present = "chunks")]
        test: Option<f64>,
        /// Keep the shares of the labels' values the same in both parts.
        #[arg(long, requires = "test")]
        stratify: bool,
        /// Cut into this many parts of equal size, in file order.
        #[arg(long)]
        chunks: Option<NonZeroU32>,
        #[arg(long, default_value_t = 0)]
        seed: u64,
        #[command(flatten)]
        columns: ColumnArgs,
        /// The folder to write the parts to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Print generated flow records with planted anomalies and labels.
    Generate {
        #[arg(long, default_value_t = 10_000)]
        rows: u32,
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Records with the columns and the traffic of this model pack (its name or folder) instead.
        #[arg(long)]
        like: Option<String>,
    },
}

/// What is scored, and how.
#[derive(Args)]
struct RunArgs {
    file: PathBuf,
    /// A built-in model pack by name, a pack's folder, or `none` for the forest fitted to the file itself; by default the
    /// pack that was trained on records like the file's, if there is one.
    #[arg(long)]
    pack: Option<String>,
    /// Trees of the forest that is fitted to the file.
    #[arg(long, default_value_t = Settings::default().n_estimators, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    trees: u32,
    /// Records that each of these trees sees: 256 if not given, or 4096 of those that are named as normal.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=65_536))]
    max_samples: Option<u32>,
    /// The share of records to flag, above 0 and at most 0.5, or `auto`.
    #[arg(long, value_parser = contamination, default_value = "auto")]
    contamination: Contamination,
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// The records that are normal, for the forest to be fitted to: `label` for those labelled so, `filter:TEXT` for
    /// those that contain a text, or `time:FROM..TO` for a time window, of which one end may be left out.
    #[arg(long, value_parser = normal, conflicts_with = "normal_file")]
    normal: Option<Reference>,
    /// A file of normal records, for the forest to be fitted to.
    #[arg(long)]
    normal_file: Option<PathBuf>,
    /// Threads; as many as there are processors if not given. The result does not depend on it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(threads::MOST)))]
    threads: Option<u32>,
    /// Megabytes that the file may take in memory, 1024 if not given; columns that do not fit are read again.
    #[arg(long)]
    memory: Option<NonZeroU32>,
    #[command(flatten)]
    columns: ColumnArgs,
}

/// Roles that are not left to detection.
#[derive(Args)]
struct ColumnArgs {
    /// The column that says whether a record is normal.
    #[arg(long)]
    label: Option<String>,
    /// A column that is not to be used; may be given more than once.
    #[arg(long)]
    ignore: Vec<String>,
}

/// What the models of a pack read.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum SchemaArg {
    Columns,
    Flow,
}

/// `Settings::contamination` as an argument.
#[derive(Clone, Copy)]
struct Contamination(Option<f64>);

fn contamination(text: &str) -> Result<Contamination, String> {
    if text == "auto" {
        return Ok(Contamination(None));
    }
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 0.5 => Ok(Contamination(Some(share))),
        _ => Err("not `auto` and not a number above 0 and at most 0.5".into()),
    }
}

/// `Settings::reference` as an argument.
fn normal(text: &str) -> Result<Reference, String> {
    match text.split_once(':') {
        None if text == "label" => Ok(Reference::Label),
        Some(("filter", text)) if !text.trim().is_empty() => Ok(Reference::Filter(text.into())),
        Some(("time", window)) => match window.split_once("..") {
            Some((from, to)) if !from.trim().is_empty() || !to.trim().is_empty() => {
                Ok(Reference::Time { from: from.into(), to: to.into() })
            }
            _ => Err("a time window is FROM..TO, FROM.. or ..TO".into()),
        },
        _ => Err("not `label`, `filter:TEXT` or `time:FROM..TO`".into()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("not a number between 0 and 1".into()),
    }
}

fn finite(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|x: &f32| x.is_finite()).ok_or_else(|| "not a finite number".into())
}

/// Without line breaks or other control characters, which could come from a file and steer the terminal.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

impl RunArgs {
    fn settings(&self) -> Settings {
        let pack = match self.pack.as_deref() {
            None => PackChoice::Auto,
            Some("none") => PackChoice::None,
            // The folder has been opened by then; the pack goes by its own name.
            Some(name) => PackChoice::Named(name.into()),
        };
        let reference = match &self.normal_file {
            Some(_) => Reference::File,
            None => self.normal.clone().unwrap_or_default(),
        };
        Settings {
            pack,
            n_estimators: self.trees,
            max_samples: self.max_samples.unwrap_or_else(|| reference.usual_samples()),
            contamination: self.contamination.0,
            seed: self.seed,
            reference,
        }
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    | ErrorKind::DisplayVersion
            ) =>
        {
            error.exit()
        }
        Err(error) => {
            let text = error.to_string();
            let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
            let what: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
            eprintln!("oddflow: {} (see --help)", one_line(what.join(" ").trim_start_matches("error: ")));
            return ExitCode::from(2);
        }
    };
    let result = match cli.command {
        Command::Score { run, threshold, reasons, out } => commands::score(&run, threshold, reasons, out.as_deref()),
        Command::Evaluate { run, threshold, bootstrap } => commands::evaluate(&run, threshold, bootstrap),
        Command::Fit { file, columns } => commands::fit(&file, &columns),
        Command::Train { files, out, columns, schema, normal_only, seeds, seed } => {
            commands::train(&files, &out, &columns, &commands::Recipe { schema, normal_only, seeds, seed })
        }
        Command::Split { file, test, stratify, chunks, seed, columns, out } => match (test, chunks) {
            (Some(test), _) => commands::split(&file, test, stratify, seed, &columns, &out),
            (None, Some(chunks)) => commands::chunks(&file, chunks, &out),
            (None, None) => unreachable!("clap asks for one of them"),
        },
        Command::Generate { rows, seed, like } => commands::generate(rows, seed, like.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever names the file brought along.
            eprintln!("oddflow: {}", one_line(&error.to_string()));
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_records_are_named_by_an_argument() {
        let time = |from: &str, to: &str| Some(Reference::Time { from: from.into(), to: to.into() });
        let check = |text: &str, expected: Option<Reference>| assert_eq!(normal(text).ok(), expected, "{text}");
        check("label", Some(Reference::Label));
        check("filter:a:b..c", Some(Reference::Filter("a:b..c".into())));
        check("time:1.5..2", time("1.5", "2"));
        check("time:2024-04-19T08:30..", time("2024-04-19T08:30", ""));
        check("time:..2024-04-19 08:30", time("", "2024-04-19 08:30"));
        for text in ["", "labels", "label:x", "filter:", "filter: ", "time:", "time:..", "time:2024", "host:x"] {
            check(text, None);
        }
    }
}
