#![no_main]
#[allow(dead_code)]
#[path = "../../properties/storage.rs"]
mod storage;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = storage::config(data);
});
