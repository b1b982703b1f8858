//! A file as Raft passes it on: read and written in pieces, from a task.
//!
//! Its bytes are in the page cache or go there, so that a piece takes no longer than to copy it; only
//! [keeping](super::Disk::keep) a file waits for the disk.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

/// What a file's bytes are in.
pub(crate) trait Contents: Read + Write + Seek + Send + Sync + Unpin {
    /// Makes what was written outlive a power cut.
    fn sync(&mut self) -> io::Result<()>;

    /// Says that the file has its name now.
    fn kept(&mut self);
}

/// A file, opened or begun.
pub(crate) struct File {
    /// Its name, if it has yet to be kept.
    pub(super) name: String,
    /// Where it is until then.
    pub(super) temporary: String,
    pub(super) contents: Box<dyn Contents>,
    sought: u64,
}

impl File {
    pub(super) fn new(name: &str, temporary: String, contents: Box<dyn Contents>) -> Self {
        Self { name: name.to_owned(), temporary, contents, sought: 0 }
    }

    /// Gives a file that was begun another name to be kept under.
    pub(crate) fn call(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// Waits until what was written so far is on disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.contents.sync()
    }

    /// Whether it was begun and can be kept, not opened to be read.
    pub(crate) fn is_new(&self) -> bool {
        !self.temporary.is_empty()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({})", self.name)
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.contents.read(buffer)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.contents.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.contents.flush()
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.contents.seek(to)
    }
}

impl AsyncRead for File {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = self.contents.read(buffer.initialize_unfilled());
        Poll::Ready(read.map(|count| buffer.advance(count)))
    }
}

impl AsyncWrite for File {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.contents.write(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.contents.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        self.sought = self.contents.seek(to)?;
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.sought))
    }
}
