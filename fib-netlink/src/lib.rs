//! Desired routes to kernel routes over netlink, and kernel events back.
