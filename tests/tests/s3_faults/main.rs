//! What an S3 server does wrong never loses, tears or ages an entry: every fault at every call, through the storage.

mod costs;
mod flows;
mod large;
mod matrix;
mod processes;
mod special;
mod world;
