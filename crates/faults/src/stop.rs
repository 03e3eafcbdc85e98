//! Ctrl-C: the run ends in order, so that no process and no mount stays behind.

use std::sync::atomic::{AtomicBool, Ordering};

static WANTED: AtomicBool = AtomicBool::new(false);

/// Listens for the signals that end a program, on a thread of its own. Children are in their own process groups and do
/// not hear them.
pub fn listen() {
    let watch = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                eprintln!("faults: stopping; processes and mounts are being put away");
                WANTED.store(true, Ordering::Relaxed);
            }
        });
    };
    // Without the thread, Ctrl-C ends the program at once; nodes end with their standard input.
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(watch);
}

/// True if somebody wants the run to end.
pub fn wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}
