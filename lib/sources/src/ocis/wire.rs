//! The members of one line, as values that the log can hold.
//!
//! Lenient where a line may be damaged and still be read: bytes that are no UTF-8, NUL from a
//! crash, names that a log shipper lower-cased. Of two members with one name the last counts.

use super::mend::mend;
use domain::json::{Number, Object, Value};
use std::collections::BTreeMap;

/// Names that a line can have, to undo the lower-casing of some log shippers.
const NAMES: [&str; 43] = [
    "RemoteAddr",
    "User",
    "URL",
    "Method",
    "UserAgent",
    "Time",
    "App",
    "Message",
    "Action",
    "CLI",
    "Level",
    "FileID",
    "Owner",
    "Path",
    "OldPath",
    "Key",
    "Tags",
    "ShareID",
    "ItemType",
    "ExpirationDate",
    "SharePass",
    "Permissions",
    "ShareType",
    "ShareWith",
    "ShareOwner",
    "ShareToken",
    "SpaceID",
    "RootItem",
    "Name",
    "NewName",
    "Type",
    "GranteeUserID",
    "GranteeGroupID",
    "Opaque",
    "QuotaMaxBytes",
    "UserID",
    "GroupID",
    "Features",
    "RecipientMail",
    "Token",
    "Description",
    "Expiration",
    "InviteLink",
];

/// The members of a line by their names in the log.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Members {
    members: BTreeMap<String, Value>,
    /// Whether characters had to be replaced to read the line.
    pub(super) repaired: bool,
}

impl Members {
    /// Reads a line; `None` if it is blank. `first` allows a byte order mark.
    ///
    /// # Errors
    /// The reason why it cannot be used.
    pub(super) fn of_line(bytes: &[u8], first: bool) -> Result<Option<Self>, &'static str> {
        let line = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if line.iter().all(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t')) {
            return Ok(None);
        }
        if line.iter().all(|b| matches!(b, 0 | b'\r' | b'\n')) {
            return Err("nul-bytes");
        }
        let decoded = String::from_utf8_lossy(line);
        let mut repaired = matches!(decoded, std::borrow::Cow::Owned(_));
        let text = if first { decoded.strip_prefix('\u{feff}').unwrap_or(&decoded) } else { &decoded };
        // A crash leaves NUL where a line should have been, and the next line follows them.
        let (text, replaced) = mend(text.trim_matches('\0'));
        repaired |= replaced;
        let json: serde_json::Value = serde_json::from_str(&text).map_err(|_| "not-json")?;
        let serde_json::Value::Object(mut json) = json else { return Err("not-an-object") };
        if !json.contains_key("App") && json.get("app").and_then(|app| app.as_str()) == Some("admin_audit") {
            json = names_restored(json);
        }
        let members =
            json.into_iter().map(|(name, json)| (text_of(name, &mut repaired), value_of(json, &mut repaired)));
        Ok(Some(Self { members: members.collect(), repaired }))
    }

    /// The value of a member.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// The text of a member; empty where it is absent or no string.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// All members.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The same line with each member replaced by what `change` makes of it.
    pub(super) fn filter_map(self, mut change: impl FnMut(&str, Value) -> Option<Value>) -> Self {
        let members = self.members.into_iter().filter_map(|(name, value)| {
            let value = change(&name, value)?;
            Some((name, value))
        });
        Self { members: members.collect(), repaired: self.repaired }
    }

    /// The members as one object.
    pub(super) fn into_object(self) -> Object {
        object_of(self.members)
    }
}

fn object_of(members: BTreeMap<String, Value>) -> Object {
    Object::from_members(members.into_iter().collect()).expect("the names of a map are unique")
}

/// Of two spellings of one name only the first becomes it; the other stays beside it, so that
/// nothing that the line holds goes unseen.
fn names_restored(json: serde_json::Map<String, serde_json::Value>) -> serde_json::Map<String, serde_json::Value> {
    let mut out = serde_json::Map::new();
    for (name, value) in json {
        let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(&name) && !out.contains_key(**known));
        out.insert(known.map_or(name, |known| (*known).to_owned()), value);
    }
    out
}

/// NUL is valid JSON and not taken by the log.
fn text_of(text: String, repaired: &mut bool) -> String {
    if !text.contains('\0') {
        return text;
    }
    *repaired = true;
    text.replace('\0', "\u{fffd}")
}

/// serde_json stops at 128 levels, so this cannot run out of stack.
fn value_of(json: serde_json::Value, repaired: &mut bool) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => value.into(),
        serde_json::Value::Number(number) => {
            let text = number.to_string();
            Number::from_text(&text).map_or(Value::String(text), Value::Number)
        }
        serde_json::Value::String(text) => text_of(text, repaired).into(),
        serde_json::Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| value_of(item, repaired)).collect())
        }
        serde_json::Value::Object(members) => object_of(
            members.into_iter().map(|(name, json)| (text_of(name, repaired), value_of(json, repaired))).collect(),
        )
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], first: bool) -> Result<Option<Members>, &'static str> {
        Members::of_line(bytes, first)
    }

    #[test]
    fn lines_without_members_are_told_apart() {
        for (bytes, wanted) in [
            (&b""[..], Ok(None)),
            (b" \t\r", Ok(None)),
            (b"\0\0\0\r", Err("nul-bytes")),
            (b"\0", Err("nul-bytes")),
            (b"\0 \0", Err("not-json")),
            (b"Unknown update type ", Err("not-json")),
            (b"{\"a\":1", Err("not-json")),
            (b"{} {}", Err("not-json")),
            (b"{\"a\":\"\0\"}", Err("not-json")),
            (b"[]", Err("not-an-object")),
            (b"1e400", Err("not-an-object")),
            (b"null", Err("not-an-object")),
            (b"\xef\xbb\xbf{}", Err("not-json")),
            (b"\xff\xfe", Err("not-json")),
        ] {
            assert_eq!(read(bytes, false), wanted, "{}", String::from_utf8_lossy(bytes));
        }
        assert!(read(b"\xef\xbb\xbf{}", true).is_ok());
        assert_eq!(read(b"\xef\xbb\xbf\xef\xbb\xbf{}", true), Err("not-json"));
        let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(126).as_bytes(), false).is_ok());
        assert_eq!(read(nested(127).as_bytes(), false), Err("not-json"));
    }

    #[test]
    fn damaged_lines_are_repaired_and_say_so() {
        for (bytes, wanted, repaired) in [
            (&b"{\"a\":\"x\"}\r"[..], "{\"a\":\"x\"}", false),
            (b"\0\0{\"a\":1}", "{\"a\":1}", false),
            (b"{\"a\":1,\"a\":2}", "{\"a\":2}", false),
            (b"{\"a\":\"\xff\xe2\x82\"}", "{\"a\":\"\u{fffd}\u{fffd}\"}", true),
            (b"{\"a\":[\"\\u0000\"]}", "{\"a\":[\"\u{fffd}\"]}", true),
            (b"{\"a\":{\"\\u0000\":1,\"\\ufffd\":2}}", "{\"a\":{\"\u{fffd}\":2}}", true),
            (b"{\"a\":\"\\ud800\"}", "{\"a\":\"\u{fffd}\"}", true),
            (b"{\"a\":[9007199254740992,-1.50,1e400,-0]}", "{\"a\":[\"9007199254740992\",-1.5,\"1e400\",0]}", false),
        ] {
            let members = read(bytes, false).unwrap().unwrap();
            assert_eq!(members.repaired, repaired, "{wanted}");
            assert_eq!(String::from_utf8(members.into_object().canonical()).unwrap(), wanted);
        }
    }

    #[test]
    fn lower_cased_names_are_put_back_where_only_app_is_lower_case() {
        let members = read(b"{\"app\":\"admin_audit\",\"invitelink\":\"x\",\"own\":1}", false).unwrap().unwrap();
        assert_eq!((members.text("App"), members.text("InviteLink")), ("admin_audit", "x"));
        assert!(members.get("own").is_some());
        let both = b"{\"Token\":\"a\",\"app\":\"admin_audit\",\"token\":\"b\"}";
        let members = read(both, false).unwrap().unwrap();
        assert_eq!((members.text("Token"), members.text("token")), ("a", "b"));
        for line in ["{\"app\":\"x\",\"path\":\"y\"}", "{\"App\":\"\",\"app\":\"admin_audit\",\"path\":\"y\"}"] {
            let members = read(line.as_bytes(), false).unwrap().unwrap();
            assert_eq!(members.text("Path"), "", "{line}");
        }
    }
}
