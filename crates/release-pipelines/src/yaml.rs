//! YAML as data that knows where it stands. What GitHub would refuse is refused here too: a key that stands twice, and
//! anything but one document; aliases are followed, within limits.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// A place in a file, both counted from 1; a column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The beginning of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        Self { line: count(location.line()), column: count(location.column()) }
    }
}

/// A value and where it stands; for an alias that is where it is used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// A scalar that stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) at: Position,
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Text, Node)>),
}

/// The text is no YAML that a workflow can be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct YamlError {
    pub(crate) at: Position,
    pub(crate) message: String,
}

impl Node {
    /// Reads one document.
    pub(crate) fn parse(text: &str) -> Result<Self, YamlError> {
        // GitHub knows the booleans of YAML 1.2 only: the key `on` is a word.
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let at = error.location().map_or(Position::START, Position::from);
            let message = error.without_snippet().to_string();
            // The place is told apart from the message.
            let message = message.lines().next().unwrap_or_default();
            let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
            YamlError { at, message: message.to_owned() }
        })
    }

    /// The entry of a key; `None` also when this is no map.
    pub(crate) fn entry(&self, key: &str) -> Option<&(Text, Self)> {
        self.entries().iter().find(|(name, _)| name.text == key)
    }

    /// The value of a key; `None` also when this is no map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The value at the end of a path of keys.
    pub(crate) fn at_path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of a map; none when this is no map.
    pub(crate) fn entries(&self) -> &[(Text, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// The items of a list; none when this is no list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => &[],
        }
    }

    /// A scalar as an action gets it; `None` for null, a list or a map.
    pub(crate) fn text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether an entry of `include` or `exclude` names this value of a row, wherever both stand. `None` where GitHub may see
    /// it otherwise: a word in another case, a number as a text, a part of an object.
    pub(crate) fn same(&self, named: &Self) -> Option<bool> {
        match (&self.value, &named.value) {
            (Value::List(own), Value::List(named)) if own.len() == named.len() => {
                all_same(own.iter().zip(named).map(|(own, named)| own.same(named)))
            }
            (Value::Map(own), Value::Map(named)) => {
                let of = |(key, named): &(Text, Self)| self.get(&key.text).map_or(Some(false), |own| own.same(named));
                let named_fit = all_same(named.iter().map(of));
                if own.len() > named.len() && named_fit == Some(true) { None } else { named_fit }
            }
            (Value::Null, Value::Null) => Some(true),
            (Value::List(_) | Value::Map(_), _) | (_, Value::List(_) | Value::Map(_)) => Some(false),
            (own, other) => {
                let (text, named) = (self.text().unwrap_or_default(), named.text().unwrap_or_default());
                let same_kind = std::mem::discriminant(own) == std::mem::discriminant(other);
                let same = text == named && same_kind;
                let is_known = !text.contains("${{") && !named.contains("${{");
                (is_known && (same || !text.eq_ignore_ascii_case(&named))).then_some(same)
            }
        }
    }

    /// Where each line of a text stands; exact for a literal block, whose place is its first line with text.
    pub(crate) fn lines(&self) -> Vec<Position> {
        let text = self.text().unwrap_or_default();
        let blank = text.lines().take_while(|line| line.is_empty()).count();
        let at = |index: usize| match index.saturating_sub(blank) {
            0 => self.at,
            line => Position { line: self.at.line + line, column: self.at.column },
        };
        (0..text.lines().count()).map(at).collect()
    }

    /// A scalar with its place.
    pub(crate) fn placed(&self) -> Option<Text> {
        self.text().map(|text| Text { at: self.at, text })
    }

    /// A list of scalars, or one scalar as a list of one, as `on.push.tags` may be written.
    pub(crate) fn texts(&self) -> Vec<Text> {
        match self.placed() {
            Some(one) => vec![one],
            None => self.items().iter().filter_map(Self::placed).collect(),
        }
    }
}

/// Whether all are the same: one that differs decides, then one that is not known.
fn all_same(pairs: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    pairs.min_by_key(|pair| pair.map_or(1, |same| 2 * u8::from(same))).unwrap_or(Some(true))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { at: spanned.referenced.into(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "GitHub reads every number as a double")]
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "GitHub reads every number as a double")]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<Spanned<String>, Node>()? {
            entries.push((Text { at: key.referenced.into(), text: key.value }, value));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, column: usize) -> Position {
        Position { line, column }
    }

    #[test]
    fn keys_and_values_know_their_place() {
        let node = Node::parse("on:\n  push: {tags: [v*, 'é', w]}\njobs: ~\n").unwrap();
        let tags = node.at_path(&["on", "push", "tags"]).unwrap();
        let places = tags.texts().into_iter().map(|text| (text.text, text.at)).collect::<Vec<_>>();
        assert_eq!(places, [("v*".into(), at(2, 17)), ("é".into(), at(2, 21)), ("w".into(), at(2, 26))]);
        assert_eq!(node.entries()[1].0, Text { at: at(3, 1), text: "jobs".into() });
        assert_eq!(node.get("jobs").unwrap().value, Value::Null);
    }

    #[test]
    fn scalars_are_what_github_takes_them_for() {
        let node = Node::parse("[on, yes, true, 1.10, 8, '8', 0x10, null, '']").unwrap();
        let texts = node.items().iter().map(Node::text).collect::<Vec<_>>();
        let expected = ["on", "yes", "true", "1.1", "8", "8", "16"].map(|text| Some(text.to_owned()));
        assert_eq!(texts[..7], expected);
        assert_eq!(texts[7..], [None, Some(String::new())]);
    }

    #[test]
    fn an_alias_stands_where_it_is_used() {
        let node = Node::parse("a: &x [v1]\nb: *x\n").unwrap();
        assert_eq!(node.get("b").unwrap().texts()[0].text, "v1");
        assert_eq!(node.get("b").unwrap().at, at(2, 4));
    }

    #[test]
    fn bad_yaml_is_refused_with_its_place() {
        let refused = |text: &str| {
            let error = Node::parse(text).unwrap_err();
            (error.message, error.at)
        };
        let (message, place) = refused("jobs:\n  a: 1\n  a: 2\n");
        assert!(message.contains("duplicate") && place == at(3, 3), "{message} {place:?}");
        let (message, place) = refused("a: [b\n");
        assert!(!message.is_empty() && place.line >= 1, "{message} {place:?}");
        assert!(refused("a: 1\n---\nb: 2\n").1.line >= 2);
        assert!(!refused("a: *x\n").0.is_empty());
    }

    #[test]
    fn a_bomb_and_deep_nesting_are_refused() {
        let bomb = (1..40).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
            let before = format!("*a{}", n - 1);
            text + &format!("a{n}: &a{n} [{}]\n", [before.as_str(); 9].join(", "))
        });
        assert!(Node::parse(&bomb).is_err());
        assert!(Node::parse(&"[".repeat(100_000)).is_err());
        assert!(Node::parse(&format!("{}1{}", "[".repeat(1000), "]".repeat(1000))).is_err());
    }
}
