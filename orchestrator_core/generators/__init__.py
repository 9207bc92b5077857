"""What renders a request: ComfyUI over HTTP, and others behind the same ``Generator`` port."""
