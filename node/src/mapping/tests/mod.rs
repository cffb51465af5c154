use std::io::{self, Read};

use super::*;

mod corpus;
