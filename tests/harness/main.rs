fn main() -> std::process::ExitCode {
    talanoa_node::cli::main()
}
