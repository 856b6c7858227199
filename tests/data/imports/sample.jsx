import React from "react"
const App = () => <p>
	don't import "no1"
	{require("in-braces")} it's
</p>
const x = <a href="//x">text {import("after-slashes")}</a>
