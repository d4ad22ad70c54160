//! Files as archives really hold them, built byte by byte, and what the reader makes of them.

mod fixtures;
mod writing;
