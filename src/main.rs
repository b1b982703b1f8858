//! Reads the command line and hands over.

use std::process::ExitCode;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Where a machine gives huge pages to everybody, a node that idles would hold twice the memory. One that can't say no
    // to them only needs more.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    turnpike::cli::run()
}
