"""The hooks that send requests to ClickMeeting, their settings, and the policy for retries."""
