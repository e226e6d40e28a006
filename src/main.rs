//! Parse, log, dispatch: see [`hazstream::cli`].

fn main() -> std::process::ExitCode {
    hazstream::cli::main()
}
