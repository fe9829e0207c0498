"""What pages keep: in the session, in the URL and in cookies; a widget names its own key."""
