#![no_main]
#[allow(dead_code)]
#[path = "../../properties/decoders.rs"]
mod decoders;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = decoders::envelope(data);
});
