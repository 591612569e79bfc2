//! What the actions of the log mean: the verb of the event, and whether it is always recorded.
//!
//! 24 verbs are the core. The others are recorded where an operator asks for them; reading files
//! and opening links are no mutations and have no verb at all.

use std::collections::BTreeSet;

/// Whether an action is recorded without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Core,
    Extra,
}

/// What an action was done to; its name is the event's `resourceType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    User,
    Group,
    Space,
    File,
    Share,
    Link,
    Invite,
}

impl Subject {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Subject::User => "user",
            Subject::Group => "group",
            Subject::Space => "space",
            Subject::File => "file",
            Subject::Share => "share",
            Subject::Link => "link",
            Subject::Invite => "invite",
        }
    }
}

/// What a line says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) verb: &'static str,
    pub(super) tier: Tier,
    pub(super) subject: Subject,
}

/// Actions whose name says it all.
const PLAIN: [(&str, &str, Tier, Subject); 28] = [
    ("user_created", "ocis.user_created", Tier::Core, Subject::User),
    ("user_deleted", "ocis.user_deleted", Tier::Core, Subject::User),
    ("user_feature_changed", "ocis.user_feature_changed", Tier::Core, Subject::User),
    ("group_created", "ocis.group_created", Tier::Core, Subject::Group),
    ("group_deleted", "ocis.group_deleted", Tier::Core, Subject::Group),
    ("group_member_added", "ocis.group_member_added", Tier::Core, Subject::Group),
    ("group_member_removed", "ocis.group_member_removed", Tier::Core, Subject::Group),
    ("space_created", "ocis.space_created", Tier::Core, Subject::Space),
    ("space_renamed", "ocis.space_renamed", Tier::Core, Subject::Space),
    ("space_disabled", "ocis.space_disabled", Tier::Core, Subject::Space),
    ("space_enabled", "ocis.space_enabled", Tier::Core, Subject::Space),
    ("space_deleted", "ocis.space_deleted", Tier::Core, Subject::Space),
    ("space_shared", "ocis.space_shared", Tier::Core, Subject::Space),
    ("space_unshared", "ocis.space_unshared", Tier::Core, Subject::Space),
    ("space_updated", "ocis.space_updated", Tier::Core, Subject::Space),
    ("file_create", "ocis.file_uploaded", Tier::Core, Subject::File),
    ("file_delete", "ocis.file_deleted", Tier::Core, Subject::File),
    ("file_rename", "ocis.file_renamed", Tier::Core, Subject::File),
    ("container_create", "ocis.folder_created", Tier::Extra, Subject::File),
    ("file_trash_delete", "ocis.file_purged", Tier::Extra, Subject::File),
    ("file_trash_restore", "ocis.file_restored", Tier::Extra, Subject::File),
    ("file_version_restore", "ocis.file_version_restored", Tier::Extra, Subject::File),
    ("file_tags_add", "ocis.file_tags_added", Tier::Extra, Subject::File),
    ("file_tags_remove", "ocis.file_tags_removed", Tier::Extra, Subject::File),
    ("share_accepted", "ocis.share_accepted", Tier::Extra, Subject::Share),
    ("share_declined", "ocis.share_declined", Tier::Extra, Subject::Share),
    ("share_state_changed", "ocis.share_state_changed", Tier::Extra, Subject::Share),
    ("science_mesh_invite_token_generated", "ocis.sciencemesh_invite_created", Tier::Extra, Subject::Invite),
];

/// Actions that are written for shares and for public links alike, with the verb of each.
const SHARED: [(&str, &str, &str); 7] = [
    ("file_shared", "ocis.share_created", "ocis.link_created"),
    ("file_unshared", "ocis.share_removed", "ocis.link_removed"),
    ("share_updated", SHARE_UPDATED, LINK_UPDATED),
    ("share_permission_updated", SHARE_UPDATED, LINK_UPDATED),
    ("share_name_updated", SHARE_UPDATED, LINK_UPDATED),
    ("share_password_updated", SHARE_UPDATED, LINK_UPDATED),
    ("share_expiration_updated", SHARE_UPDATED, LINK_UPDATED),
];

/// Actions that only read, and what they are called for a person.
const READS: [(&str, &str); 2] = [("file_read", "reading a file"), ("public_link_accessed", "opening a public link")];

const SHARE_UPDATED: &str = "ocis.share_updated";
const LINK_UPDATED: &str = "ocis.link_updated";

impl Meaning {
    /// What a line with this action means; `None` for reads and for what nobody knows.
    ///
    /// The action decides. Releases up to 8.0 leave it empty when a share or a link is updated;
    /// only then is the sentence asked, for one of the two markers that stand in it.
    pub(super) fn of(action: &str, share_type: &str, message: &str) -> Option<Self> {
        if let Some(&(_, verb, tier, subject)) = PLAIN.iter().find(|row| row.0 == action) {
            return Some(Self { verb, tier, subject });
        }
        let share = |verb| Some(Self { verb, tier: Tier::Core, subject: Subject::Share });
        let link = |verb| Some(Self { verb, tier: Tier::Core, subject: Subject::Link });
        if let Some(&(_, share_verb, link_verb)) = SHARED.iter().find(|row| row.0 == action) {
            return if share_type == "link" { link(link_verb) } else { share(share_verb) };
        }
        match action {
            "" if message.contains(" of public link '") => link(LINK_UPDATED),
            "" if message.contains("' of share '") => share(SHARE_UPDATED),
            _ => None,
        }
    }
}

/// Which actions outside the core are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtraActions(BTreeSet<&'static str>);

impl ExtraActions {
    /// Nothing but the core.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whatever has a verb.
    pub fn all() -> Self {
        Self(extra_actions().collect())
    }

    /// Reads a comma-separated list of actions as they are called in the log, or `all`. Actions of
    /// the core are taken and change nothing.
    ///
    /// # Errors
    /// A word that is no such action, with what could have been meant.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut out = Self::none();
        for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let core = PLAIN.iter().any(|row| row.0 == word) || SHARED.iter().any(|row| row.0 == word);
            if word == "all" {
                out = Self::all();
            } else if let Some(action) = extra_actions().find(|action| *action == word) {
                out.0.insert(action);
            } else if let Some((_, what)) = READS.iter().find(|row| row.0 == word) {
                return Err(format!("`{word}` cannot be recorded: {what} changes nothing and has no verb"));
            } else if !core {
                let known: Vec<_> = extra_actions().collect();
                return Err(format!("`{word}` is no action that is known; use `all` or some of {}", known.join(", ")));
            }
        }
        Ok(out)
    }

    pub(super) fn include(&self, action: &str) -> bool {
        self.0.contains(action)
    }
}

fn extra_actions() -> impl Iterator<Item = &'static str> {
    PLAIN.iter().filter(|row| row.2 == Tier::Extra).map(|row| row.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_24_verbs_in_the_core_and_10_beside_it() {
        let shared = SHARED.iter().flat_map(|row| [row.1, row.2]);
        let core: BTreeSet<_> = PLAIN.iter().filter(|row| row.2 == Tier::Core).map(|row| row.1).chain(shared).collect();
        assert_eq!((core.len(), extra_actions().count()), (24, 10));
    }

    #[test]
    fn a_list_of_extra_actions_is_read_or_refused_with_advice() {
        assert_eq!(ExtraActions::parse("").unwrap(), ExtraActions::none());
        assert_eq!(ExtraActions::parse(" all ").unwrap(), ExtraActions::all());
        assert_eq!(ExtraActions::parse("file_create,share_name_updated,").unwrap(), ExtraActions::none());
        let two = ExtraActions::parse("file_trash_delete, container_create").unwrap();
        assert!(two.include("file_trash_delete") && two.include("container_create"));
        assert!(!two.include("file_tags_add") && !two.include("file_create"));
        for (list, wanted) in [
            ("file_purged", "`file_purged` is no action that is known; use `all` or some of container_create, "),
            ("all,nonsense", "`nonsense` is no action"),
            ("file_read", "`file_read` cannot be recorded: reading a file changes nothing and has no verb"),
            ("container_create,public_link_accessed", "`public_link_accessed` cannot be recorded"),
        ] {
            let error = ExtraActions::parse(list).unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
        }
    }

    #[test]
    fn the_sentence_is_only_asked_where_the_action_is_empty() {
        let meant = |action, share_type, message| Meaning::of(action, share_type, message).map(|m| m.verb);
        assert_eq!(meant("", "", "x' of share 'y of public link 'z'"), Some(LINK_UPDATED));
        assert_eq!(meant("", "link", "user 'a' updated field '' of share 'y'"), Some(SHARE_UPDATED));
        assert_eq!(meant("", "link", ""), None);
        assert_eq!(meant("file_delete", "link", " of public link '"), Some("ocis.file_deleted"));
        assert_eq!(meant("share_updated", "user", " of public link '"), Some(SHARE_UPDATED));
        assert_eq!(meant("file_read", "", "' of share '"), None);
        assert_eq!(meant("File_Delete", "", ""), None);
    }
}
