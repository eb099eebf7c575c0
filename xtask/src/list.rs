//! `list`: the operations, from the committed catalogues, without a build.

use voiceflow_record::CatalogueEntry;

use crate::cli::{Format, ListCommand};
use crate::filter::Filter;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// Prints the operations the filter leaves in.
pub(crate) fn run(workspace: &Workspace, command: &ListCommand) -> anyhow::Result<Outcome> {
    let filter = Filter::parse(command.filter.as_deref())?;
    let entries: Vec<CatalogueEntry> = workspace
        .bench_crates(&filter)?
        .into_iter()
        .flat_map(|found| found.entries)
        .collect();
    match command.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&entries)?),
        Format::Text => print!("{}", text(&entries)),
    }
    Ok(Outcome::Passed)
}

fn text(entries: &[CatalogueEntry]) -> String {
    let width = entries.iter().map(|entry| entry.id.as_str().len()).max().unwrap_or(0);
    let lines = entries.iter().map(|entry| {
        let instruments: String = entry
            .instruments
            .iter()
            .map(|instrument| initial(instrument.as_str()))
            .collect();
        format!("{:width$}  {instruments:3}  {}\n", entry.id.as_str(), entry.question)
    });
    lines.collect::<String>() + "T time, I instructions, A allocations\n"
}

fn initial(word: &str) -> char {
    word.chars().next().unwrap_or('?').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use voiceflow_record::Instrument;

    use super::*;

    #[test]
    fn a_line_has_the_id_the_instruments_and_the_question() {
        let entry = CatalogueEntry {
            id: "a/b/c".parse().expect("valid"),
            subsystem: "a".to_owned(),
            question: "How long?".to_owned(),
            instruments: vec![Instrument::Time, Instrument::Allocations],
            throughput: None,
            paired: None,
        };
        assert_eq!(text(&[entry]).lines().next(), Some("a/b/c  TA   How long?"));
    }
}
