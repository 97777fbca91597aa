//! The catalog as a sorted text, and the search in it.

use super::names;

/// Made by `infra/catalog/generate`, which describes the columns.
pub(super) const TABLE: Table = Table(include_str!("catalog.tsv"));

/// Lines sorted by bytes, each with a line end. They begin with provider, model and region.
#[derive(Clone, Copy)]
pub(super) struct Table(pub(super) &'static str);

impl Table {
    /// The line of a model: of the region, else of everywhere, else of the provider's global service, else of any.
    pub(super) fn get(
        self,
        provider: &str,
        model: &str,
        region: Option<&str>,
    ) -> Option<&'static str> {
        let key = format!("{provider}\t{model}\t");
        // The line of everywhere has an empty region, so it is the first.
        let lines = || self.from(&key).take_while(|line| line.starts_with(&key));
        let of = |wanted: &str| {
            lines().find(|line| line[key.len()..].split('\t').next() == Some(wanted))
        };
        region.and_then(of).or_else(|| of("")).or_else(|| of("global")).or_else(|| lines().next())
    }

    /// The line of the newest version of a model: the same name with a date.
    pub(super) fn newest(
        self,
        provider: &str,
        model: &str,
        region: Option<&str>,
    ) -> Option<&'static str> {
        let newest = ["-", "@"].into_iter().filter_map(|mark| {
            let key = format!("{provider}\t{model}{mark}");
            let lines = self.from(&key).take_while(|line| line.starts_with(&key));
            let names = lines.filter_map(|line| line.split('\t').nth(1));
            names.filter(|name| names::without_version(name) == model).max()
        });
        let name = newest.max()?;
        self.get(provider, name, region)
    }

    /// All lines.
    #[cfg(test)]
    pub(super) fn lines(self) -> impl Iterator<Item = &'static str> {
        self.0.lines()
    }

    /// The lines from the first that is not below `key`.
    fn from(self, key: &str) -> impl Iterator<Item = &'static str> {
        let bytes = self.0.as_bytes();
        // Both are beginnings of lines; the wanted one is between them.
        let (mut low, mut high) = (0, bytes.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let before = bytes.get(low..middle).unwrap_or_default();
            let start = before.iter().rposition(|b| *b == b'\n').map_or(low, |at| low + at + 1);
            let rest = self.0.get(start..).unwrap_or_default();
            let line = rest.split('\n').next().unwrap_or_default();
            if line < key {
                low = start + line.len() + 1;
            } else {
                high = start;
            }
        }
        self.0.get(low..).unwrap_or_default().lines()
    }
}
