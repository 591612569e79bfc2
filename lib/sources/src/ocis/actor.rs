//! Who did it, as the sentence and the members of a line say.
//!
//! Releases up to 8.0 leave `User` empty, or put the owner of the space there when a file is
//! uploaded; the sentence is then the only witness. Names stand in it without escapes, so the
//! shortest name that is followed by a known verb is taken.

/// What can follow the name. A longer name that imitates such an end is cut there; user ids, which
/// is what OCIS writes, hold no quotes.
const VERBS: [&str; 19] = [
    "shared ",
    "created ",
    "updated ",
    "removed ",
    "accepted ",
    "declined ",
    "changed ",
    "read ",
    "added ",
    "trashed ",
    "moved ",
    "restored ",
    "renamed ",
    "disabled ",
    "(re-) enabled ",
    "deleted ",
    "unshared ",
    "generated ",
    "did ",
];

/// Lines about files and folders, whose `User` is not to be believed.
const ITEM_ACTIONS: [&str; 6] = ["file_c", "file_d", "file_r", "file_t", "file_v", "container"];

/// The name at the start of the sentence, and what follows it from the verb on.
pub(super) fn split(message: &str) -> Option<(&str, &str)> {
    let named = message.strip_prefix("user '")?;
    named.match_indices("' ").find_map(|(end, quote)| {
        let rest = &named[end + quote.len()..];
        VERBS.iter().any(|verb| rest.starts_with(verb)).then(|| (&named[..end], rest))
    })
}

/// The actor of a line, if it names one.
pub(super) fn of<'a>(action: &str, message: &'a str, user: &'a str) -> Option<&'a str> {
    let named = split(message).map(|(name, _)| name).filter(|name| !name.is_empty());
    let believed = !ITEM_ACTIONS.iter().any(|start| action.starts_with(start));
    named.or_else(|| Some(user).filter(|user| believed && !user.is_empty()))
}

/// Which setting of a share or link was changed, where the sentence says so.
pub(super) fn updated_field(message: &str) -> Option<&str> {
    let (_, rest) = split(message)?;
    let (field, _) = rest.strip_prefix("updated field '")?.split_once("' of ")?;
    let word = (1..=64).contains(&field.len()) && field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    word.then_some(field)
}

/// Whether a name is an e-mail address, so far as that can be seen.
pub(super) fn is_email(name: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"'\"<>()[],;:\\/@".contains(c);
    name.len() <= 254
        && name.split_once('@').is_some_and(|(local, host)| {
            let host_fits = host.contains('.') && !host.starts_with('.') && !host.ends_with('.');
            !local.is_empty() && host_fits && local.chars().chain(host.chars()).all(plain)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_name_before_a_known_verb_is_the_actor() {
        for (message, wanted) in [
            ("user 'ann' created file 'x'", Some("ann")),
            ("user 'ann' (re-) enabled the space 'x'", Some("ann")),
            ("user 'Ben O'Neil' trashed file 'x'", Some("Ben O'Neil")),
            ("user 'it's' 'her' moved file 'x'", Some("it's' 'her")),
            ("user 'line\nbreak' did something new", Some("line\nbreak")),
            ("user 'ann' shared file 'y' removed z' with 'b'", Some("ann")),
            // A file name that imitates the end of a name comes too late to matter.
            ("user 'ann' created file '' created by user 'eve' read x'", Some("ann")),
            // A user name that imitates a sentence is cut at its first verb.
            ("user 'eve' created file 'x' created file 'y'", Some("eve")),
            ("user '' created file 'x'", None),
            ("user 'ann' createdfile 'x'", None),
            ("user 'ann'  created file 'x'", None),
            ("user 'ann' created", None),
            (" user 'ann' created file 'x'", None),
            ("User 'ann' created file 'x'", None),
            ("user '", None),
            ("", None),
            ("share id:'a' uid:'user 'ann' created ' item-id:'' was removed", None),
            ("user 'Zoë 🦊' read file", Some("Zoë 🦊")),
        ] {
            assert_eq!(of("file_create", message, "owner"), wanted, "{message}");
        }
    }

    #[test]
    fn the_user_member_is_believed_on_sharing_lines_only() {
        for (action, wanted) in [
            ("file_shared", Some("ann")),
            ("file_unshared", Some("ann")),
            ("share_accepted", Some("ann")),
            ("user_created", Some("ann")),
            ("", Some("ann")),
            ("file_create", None),
            ("file_delete", None),
            ("file_rename", None),
            ("file_tags_add", None),
            ("file_version_restore", None),
            ("container_create", None),
        ] {
            assert_eq!(of(action, "no name here", "ann"), wanted, "{action}");
            assert_eq!(of(action, "", ""), None, "{action}");
        }
    }

    #[test]
    fn the_updated_field_is_one_word() {
        for (message, wanted) in [
            ("user 'a' updated field 'TYPE_PASSWORD' of public link 'x'", Some("TYPE_PASSWORD")),
            ("user 'a' updated field 'permissions' of share 'x'", Some("permissions")),
            ("user 'a' updated field '' of share 'x'", None),
            ("user 'a' updated field 'a b' of share 'x'", None),
            ("user 'a' updated space 'x'", None),
            ("updated field 'x' of share 'x'", None),
        ] {
            assert_eq!(updated_field(message), wanted, "{message}");
        }
    }

    #[test]
    fn addresses_are_told_from_names() {
        for name in ["marta.vogel@praxis.example", "a@b.c", "zoë@büro.example"] {
            assert!(is_email(name), "{name}");
        }
        for name in ["", "ann", "ann@", "@b.c", "a@b", "a@b@c.d", "a b@c.d", "a@.b", "a@b.", "<a@b.c>", "a@b.c/d"] {
            assert!(!is_email(name), "{name}");
        }
    }
}
