//! A part of a page that a command writes anew, between two comments that name the command. Pure but for reading the page.

use std::path::Path;

use crate::outcome::Failure;

/// The comments of one command.
pub(crate) struct Markers {
    begin: String,
    end: String,
}

impl Markers {
    /// Those of the command of this name.
    pub(crate) fn of(command: &str) -> Self {
        Self {
            begin: format!("<!-- {command}:begin -->"),
            end: format!("<!-- {command}:end -->"),
        }
    }

    /// The page with `part` between the markers, in place of what stands there.
    pub(crate) fn replace(&self, page: &str, part: &str) -> anyhow::Result<String> {
        let Self { begin, end } = self;
        let found = page.split_once(begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(end)?;
            Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", part.trim()))
        });
        found.ok_or_else(|| {
            Failure::bad_usage(format!(
                "the file to write to has no `{begin}` followed by `{end}`: put both, each on a line of its own, where \
                 the tables are to stand"
            ))
        })
    }

    /// Reads the page and refuses one without the markers, before anything is measured for it.
    pub(crate) fn read_page(&self, file: &Path) -> anyhow::Result<String> {
        let page = std::fs::read_to_string(file)
            .map_err(|error| Failure::bad_usage(format!("cannot read {}: {error}", file.display())))?;
        self.replace(&page, "")?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_markers_is_replaced_and_replacing_again_changes_nothing() {
        let markers = Markers::of("some");
        let page = "before\n<!-- some:begin -->\nold\n<!-- some:end -->\nafter\n";
        let once = markers.replace(page, "new\n").expect("has markers");
        assert_eq!(once, "before\n<!-- some:begin -->\n\nnew\n\n<!-- some:end -->\nafter\n");
        assert_eq!(markers.replace(&once, "new\n").expect("has markers"), once);
    }

    #[test]
    fn a_page_without_markers_is_refused_with_what_to_put_there() {
        let markers = Markers::of("some");
        let (begin, end) = ("<!-- some:begin -->", "<!-- some:end -->");
        for page in ["nothing".to_owned(), begin.to_owned(), format!("{end}\n{begin}")] {
            let error = markers.replace(&page, "new").expect_err("refused").to_string();
            assert!(error.contains(begin) && error.contains(end), "{error}");
        }
    }

    #[test]
    fn a_page_is_looked_at_before_it_is_written() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("page.md");
        let markers = Markers::of("some");
        let missing = markers.read_page(&file).expect_err("refused").to_string();
        assert!(missing.contains("page.md"), "{missing}");
        std::fs::write(&file, "no markers").expect("writes");
        assert!(markers.read_page(&file).is_err());
    }
}
