//! The figures as Markdown.

use crate::contenders::{BARE, Contender, SELECT};
use crate::rounds::Row;
use crate::work::{Kind, Work};

pub fn print(work: Work, rows: &[Row]) {
    match work.kind {
        Kind::Idle => print_idle(work, rows),
        _ => print_messages(work, rows),
    }
}

fn print_messages(work: Work, rows: &[Row]) {
    println!(
        "\n| {} | ns a message | of bare | (all rounds) | goal | system calls | of bare | instructions | of bare |",
        work.title
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for row in rows {
        let base = rows.iter().find(|other| other.contender.name == row.contender.base);
        let times = sorted(row.samples.iter().map(|sample| sample.cpu / work.count as f64));
        let ratios = base.map_or_else(Vec::new, |base| ratios(row, base));
        println!(
            "| {} | {:.0} | {} | {} | {} | {} | {} |",
            row.contender.title,
            median(&times),
            times_of(ratios.get(ratios.len() / 2).copied()),
            spread(&ratios),
            goal(work, &row.contender, rows),
            counted(row.counts.calls, base.and_then(|base| base.counts.calls), 3),
            counted(row.counts.instructions, base.and_then(|base| base.counts.instructions), 0),
        );
    }
}

fn print_idle(work: Work, rows: &[Row]) {
    println!("\n| {} | connections | µs of CPU each in a second | (all rounds) | KiB each |", work.title);
    println!("|---|---:|---:|---:|---:|");
    for row in rows {
        let count = row.contender.fit(work).count;
        let each = |figure: f64| figure / count as f64;
        let micros = sorted(row.samples.iter().map(|sample| each(sample.cpu / 1e3) / work.span().as_secs_f64()));
        let memory = sorted(row.samples.iter().map(|sample| each(sample.memory) / 1024.0));
        let (title, spread) = (row.contender.title, spread(&micros));
        println!("| {title} | {count} | {:.2} | {spread} | {:.1} |", median(&micros), median(&memory));
    }
}

/// Against bare of the same round, smallest first.
fn ratios(row: &Row, base: &Row) -> Vec<f64> {
    sorted(row.samples.iter().zip(&base.samples).map(|(sample, base)| sample.cpu / base.cpu))
}

/// What this client may cost here, of bare.
fn goal(work: Work, contender: &Contender, rows: &[Row]) -> String {
    match (contender.name, work.kind) {
        ("task" | "blocking", Kind::Flood) => "1.10".into(),
        ("task" | "blocking", Kind::Echo { window: 64 }) => "1.20".into(),
        ("client", Kind::Flood) => "1.35".into(),
        ("client", Kind::Echo { window: 64 }) => {
            let row = |name| rows.iter().find(|row| row.contender.name == name);
            row(SELECT)
                .zip(row(BARE))
                .map_or(String::new(), |(select, bare)| format!("{:.2}", median(&ratios(select, bare))))
        }
        _ => String::new(),
    }
}

fn counted(count: Option<f64>, base: Option<f64>, digits: usize) -> String {
    let Some(count) = count else { return " | ".into() };
    format!("{count:.digits$} | {}", times_of(base.map(|base| count / base)))
}

fn times_of(ratio: Option<f64>) -> String {
    ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"))
}

fn spread(sorted: &[f64]) -> String {
    match sorted {
        [first, .., last] => format!("{first:.2}–{last:.2}"),
        _ => String::new(),
    }
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}
