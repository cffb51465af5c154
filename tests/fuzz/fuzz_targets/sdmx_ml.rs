#![no_main]
#[allow(dead_code)]
#[path = "../../properties/formats.rs"]
mod formats;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = formats::sdmx_ml(data);
});
