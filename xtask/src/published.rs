//! One report in its forms: JSON and text in the output folder, a part of a page, and what is printed.

use std::path::Path;

use voiceflow_record::{Host, Revision, write_file};

use crate::cli::{Format, ReportArguments};
use crate::markers::Markers;
use crate::outcome::Failure;

/// What a command found, in every form.
pub(crate) struct Report {
    /// The command's name: that of its files and of its markers in a page.
    pub(crate) command: &'static str,
    pub(crate) json: String,
    pub(crate) text: String,
    /// Markdown, for a page.
    pub(crate) page: String,
}

impl Report {
    /// Refuses a page without markers, and one for a part of the report, before anything is measured for it.
    pub(crate) fn check_page(command: &str, arguments: &ReportArguments, filter: Option<&str>) -> anyhow::Result<()> {
        let Some(file) = &arguments.write else {
            return Ok(());
        };
        if filter.is_some() {
            return Err(Failure::bad_usage(
                "with a filter the report is a part, and would take the place of the whole in the page: leave out the \
                 filter or `--write`",
            ));
        }
        Markers::of(command).read_page(file)?;
        Ok(())
    }

    /// Writes the two files.
    pub(crate) fn keep(&self, output: &Path) -> anyhow::Result<()> {
        for (ending, content) in [("json", &self.json), ("txt", &self.text)] {
            write_file(&output.join(format!("{}.{ending}", self.command)), content.as_bytes())?;
        }
        Ok(())
    }

    /// Writes the files and, where the report is whole, the page; and prints.
    pub(crate) fn publish(&self, output: &Path, arguments: &ReportArguments, is_whole: bool) -> anyhow::Result<()> {
        self.keep(output)?;
        if let Some(file) = arguments.write.as_ref().filter(|_| !is_whole) {
            eprintln!("{} stays as it was: something could not be measured", file.display());
        } else if let Some(file) = &arguments.write {
            let markers = Markers::of(self.command);
            let page = markers.replace(&markers.read_page(file)?, &self.page)?;
            write_file(file, page.as_bytes())?;
            eprintln!("written: {}", file.display());
        }
        match arguments.format {
            Format::Json => println!("{}", self.json),
            Format::Text => print!("{}", self.text),
        }
        eprintln!("report and samples: {}", output.display());
        Ok(())
    }
}

/// When, where and of what: `on 2027-03-31, linux-x86_64-…, 0123456789`.
pub(crate) fn origin(date: &str, host: &Host, revision: &Revision) -> String {
    let commit = revision.commit.as_deref().and_then(|commit| commit.get(..10));
    let changed = if revision.dirty { " with changes" } else { "" };
    format!("on {date}, {}, {}{changed}", host.class, commit.unwrap_or("no commit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(write: Option<std::path::PathBuf>) -> ReportArguments {
        ReportArguments {
            write,
            output_dir: None,
            format: Format::Json,
        }
    }

    #[test]
    fn a_report_is_kept_in_the_folder_and_put_into_the_page() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let page = folder.path().join("page.md");
        std::fs::write(&page, "before\n<!-- some:begin -->\nold\n<!-- some:end -->\n").expect("writes");
        let arguments = arguments(Some(page.clone()));
        Report::check_page("some", &arguments, None).expect("has markers");
        assert!(Report::check_page("other", &arguments, None).is_err());
        assert!(Report::check_page("some", &arguments, Some("part")).is_err());
        let report = Report {
            command: "some",
            json: "{}".to_owned(),
            text: "text".to_owned(),
            page: "| new |".to_owned(),
        };
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("reads");
        report.publish(folder.path(), &arguments, false).expect("writes");
        assert!(read("page.md").contains("\nold\n"));
        report.publish(folder.path(), &arguments, true).expect("writes");
        assert_eq!(
            (read("some.json"), read("some.txt")),
            ("{}".to_owned(), "text".to_owned())
        );
        assert_eq!(
            read("page.md"),
            "before\n<!-- some:begin -->\n\n| new |\n\n<!-- some:end -->\n"
        );
    }

    #[test]
    fn changes_that_are_not_committed_are_told() {
        let host = crate::host::this_host();
        let revision = |commit: Option<&str>, dirty| Revision {
            commit: commit.map(str::to_owned),
            dirty,
        };
        let told = |revision: &Revision| origin("2027-03-31", &host, revision);
        let commit = "0123456789abcdef";
        assert!(told(&revision(Some(commit), false)).ends_with(", 0123456789"));
        assert!(told(&revision(Some(commit), true)).ends_with(", 0123456789 with changes"));
        assert!(told(&revision(None, false)).ends_with(", no commit"));
    }
}
