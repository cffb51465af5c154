#![no_main]
#[allow(dead_code)]
#[path = "../../properties/scripts.rs"]
mod scripts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = scripts::consent(data);
});
