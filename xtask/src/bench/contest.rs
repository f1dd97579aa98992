//! Programs measured side by side: in rounds, each program once a round, so that what else the machine does hits all of them
//! alike. The first of a round changes from round to round.

use crate::run::{Result, describe};
use serde_json::{Map, Value, json};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A program on some work: its name, and a run that gives what was measured as an object.
pub type Contestant<'a> = (String, Box<dyn Fn() -> Result<Value> + 'a>);

/// What was measured: an array of objects for each name, one object a round. A contestant that fails is out, with its error.
pub fn rounds(contestants: &[Contestant<'_>], rounds: usize) -> Value {
    let mut results: Map<String, Value> = contestants.iter().map(|(name, _)| (name.clone(), json!([]))).collect();
    for round in 0..rounds {
        for at in 0..contestants.len() {
            let (name, run) = &contestants[(at + round) % contestants.len()];
            let Some(measured) = results[name].as_array_mut() else { continue };
            settle();
            match run() {
                Ok(figures) => {
                    let seconds = figures["seconds"].as_f64().unwrap_or(f64::NAN);
                    println!("round {} of {rounds}: {name}: {seconds:.2} s", round + 1);
                    measured.push(figures);
                }
                Err(error) => {
                    eprintln!("{name}: {error}");
                    results[name] = Value::String(error);
                }
            }
        }
    }
    Value::Object(results)
}

/// Has what was written before put on the disk: otherwise one program would wait for what another has left to be done. Where there is
/// no such command, nothing is done.
fn settle() {
    let _ = Command::new("sync").status();
}

/// Runs the command in silence; gives its wall time in `seconds`, the processor time of all of its threads in `cpu_seconds`, and
/// its greatest resident memory in `peak_bytes`; the latter two are null where /proc does not tell.
pub fn timed(command: &mut Command) -> Result<Value> {
    let failed = |error: std::io::Error| error.to_string();
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let (id, ended) = (child.id(), AtomicBool::new(false));
    let (status, seconds, (peak, cpu)) = thread::scope(|scope| {
        // Both only rise, so looking now and then misses what happens in the last moment alone.
        let watcher = scope.spawn(|| {
            let (mut peak, mut cpu) = (None, None);
            while !ended.load(Ordering::Relaxed) {
                peak = peak_bytes(id).or(peak);
                cpu = cpu_seconds(id).or(cpu);
                thread::sleep(Duration::from_millis(5));
            }
            (peak, cpu)
        });
        let status = child.wait();
        let seconds = start.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (status, seconds, watcher.join().unwrap_or_default())
    });
    match status.map_err(failed)? {
        status if status.success() => Ok(json!({"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak})),
        status => Err(format!("`{}` failed ({status})", describe(command))),
    }
}

fn peak_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn cpu_seconds(id: u32) -> Option<f64> {
    // proc(5): fields 14 and 15, in ticks of which every Linux that tells has 100 a second. The second is a name, which may hold
    // spaces.
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().ok());
    ticks.sum::<Option<u64>>().filter(|&ticks| ticks > 0).map(|ticks| ticks as f64 / 100.0)
}

/// The median of a figure over the rounds; the mean of the two in the middle of an even number.
#[must_use]
pub fn median(results: &Value, name: &str, figure: &str) -> Option<f64> {
    let mut values = values(results, name, figure);
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { None } else { Some((values[(n - 1) / 2] + values[n / 2]) / 2.0) }
}

/// The least and the greatest of a figure over the rounds.
#[must_use]
pub fn range(results: &Value, name: &str, figure: &str) -> Option<(f64, f64)> {
    let values = values(results, name, figure);
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    Some((least, values.into_iter().max_by(f64::total_cmp)?))
}

/// A figure, such as `seconds` or `stages/read`, in each round.
fn values(results: &Value, name: &str, figure: &str) -> Vec<f64> {
    let rounds = results[name].as_array().map(Vec::as_slice).unwrap_or_default();
    rounds.iter().filter_map(|round| round.pointer(&format!("/{figure}"))?.as_f64()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contest_goes_in_rounds_and_goes_on_without_who_fails() {
        let turns = std::cell::RefCell::new(String::new());
        let run = |name: &'static str, good: bool| -> Contestant<'_> {
            let turns = &turns;
            let run = move || {
                turns.borrow_mut().push_str(name);
                if good { Ok(json!({"seconds": turns.borrow().len()})) } else { Err("no".into()) }
            };
            (name.into(), Box::new(run))
        };
        let results = rounds(&[run("a", true), run("b", false), run("c", true)], 3);
        assert_eq!(*turns.borrow(), "abccaca");
        assert_eq!(results["b"], json!("no"));
        assert_eq!(range(&results, "a", "seconds"), Some((1.0, 7.0)));
        assert_eq!(median(&results, "a", "seconds"), Some(5.0));
    }

    #[test]
    fn medians_are_of_what_there_is() {
        let results = json!({"a": [{"s": {"x": 3}}, {"s": {"x": 1}}, {"s": {}}, {"s": {"x": 2}}], "b": "failed"});
        for (name, figure, expected) in
            [("a", "s/x", Some(2.0)), ("a", "s/y", None), ("b", "s/x", None), ("c", "s/x", None)]
        {
            assert_eq!(median(&results, name, figure), expected, "{name} {figure}");
        }
        assert_eq!(median(&json!({"a": [{"s": 1}, {"s": 4}]}), "a", "s"), Some(2.5));
    }

    #[test]
    fn a_program_is_timed() {
        let timed = timed(&mut Command::new("true")).unwrap();
        assert!(timed["seconds"].as_f64().is_some_and(|seconds| seconds < 10.0));
        assert!(super::timed(&mut Command::new("false")).is_err());
    }
}
