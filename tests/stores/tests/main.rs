//! Every adapter on a real server.
