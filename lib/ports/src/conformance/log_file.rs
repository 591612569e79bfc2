//! What every log file must do.

use crate::LogFile;

/// What another program does to the log.
pub trait Writer {
    /// Appends to the file of the name, and makes it first if there is none.
    fn append(&self, bytes: &[u8]);
    /// Gives the file another name beside the old one.
    fn rename(&self);
    /// Deletes the file of the name.
    fn delete(&self);
}

/// The whole suite, over a log that does not exist yet.
pub async fn suite(file: &dyn LogFile, writer: &dyn Writer) {
    assert_eq!(file.current().await, Ok(None));
    writer.append(b"one\n");
    let first = file.current().await.unwrap().unwrap();
    assert_eq!(file.read(&first, 0, 100).await, Ok(Some(b"one\n".to_vec())));
    writer.append(b"two\n");
    assert_eq!(file.current().await, Ok(Some(first.clone())), "a file that grows stays itself");
    assert_eq!(file.read(&first, 4, 100).await, Ok(Some(b"two\n".to_vec())));
    assert_eq!(file.read(&first, 2, 3).await, Ok(Some(b"e\nt".to_vec())), "no more than was asked for");
    assert_eq!(file.read(&first, 8, 100).await, Ok(Some(Vec::new())), "nothing at the end");
    assert_eq!(file.read(&first, 99, 100).await, Ok(Some(Vec::new())), "nothing behind it");
    writer.rename();
    assert_eq!(file.current().await, Ok(None));
    assert_eq!(file.read(&first, 0, 100).await, Ok(Some(b"one\ntwo\n".to_vec())), "found under its new name");
    writer.append(b"three\n");
    let second = file.current().await.unwrap().unwrap();
    assert_ne!(first, second);
    assert_eq!(file.read(&second, 0, 100).await, Ok(Some(b"three\n".to_vec())));
    assert_eq!(file.read(&first, 4, 100).await, Ok(Some(b"two\n".to_vec())));
    writer.delete();
    assert_eq!(file.current().await, Ok(None));
    assert_eq!(file.read(&second, 0, 100).await, Ok(None));
}
