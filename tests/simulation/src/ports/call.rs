//! One call of a port: its way there, what becomes of it, its way back.

use crate::node::{Fate, Node};
use ports::{BucketError, QueueError, TableError};

/// What a port says of a call that something befell.
pub(super) trait PortError: Send + Sized + 'static {
    /// It may have been done, or may still be.
    fn unknown() -> Self;

    /// It was not done, and will not be.
    fn busy() -> Self {
        Self::unknown()
    }

    /// It was done, and done again by a retry that met the first.
    fn met_itself() -> Self {
        Self::unknown()
    }
}

const LOST: &str = "the simulator lost it";

impl PortError for TableError {
    fn unknown() -> Self {
        Self::Unavailable(LOST.to_owned())
    }

    fn busy() -> Self {
        Self::Throttled("the simulator is busy".to_owned())
    }

    fn met_itself() -> Self {
        Self::Conflict("its own retry".to_owned())
    }
}

impl PortError for BucketError {
    fn unknown() -> Self {
        Self::Unavailable(LOST.to_owned())
    }
}

impl PortError for QueueError {
    fn unknown() -> Self {
        Self::Unavailable(LOST.to_owned())
    }
}

/// A write, which meets its fate.
pub(super) async fn write<T: Send, E: PortError>(
    node: &Node,
    what: &str,
    apply: impl FnOnce(&Node) -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    node.travel().await;
    let fate = node.fate_of_a_write();
    let answer = match fate {
        Fate::Fine => apply(node),
        Fate::Throttled => Err(E::busy()),
        Fate::Lost => Err(E::unknown()),
        Fate::Applied => apply(node).and(Err(E::unknown())),
        Fate::Later => {
            let late = node.clone();
            node.world.later(Box::new(move || drop(apply(&late))));
            Err(E::unknown())
        }
        Fate::OwnConflict => apply(node).and(Err(E::met_itself())),
    };
    if fate != Fate::Fine {
        node.world.note(format_args!("{} {what} {fate:?}", node.name));
    }
    node.travel().await;
    answer
}

/// A read, of the moment in the middle.
pub(super) async fn read<T: Send, E: PortError>(
    node: &Node,
    what: &str,
    read: impl FnOnce(&Node) -> Result<T, E> + Send,
) -> Result<T, E> {
    node.travel().await;
    if node.read_fails() {
        node.world.note(format_args!("{} {what} lost", node.name));
        return Err(E::unknown());
    }
    let found = read(node);
    node.world.note(format_args!("{} {what}", node.name));
    node.travel().await;
    found
}
