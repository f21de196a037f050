"""`scmnet-zoo weights`: commands for files of trained weights."""

import typer

from scmnet_zoo.cli.weights import averaging, files, importing, listing, publishing

app: typer.Typer = typer.Typer(
    invoke_without_command=True,
    help="List, download, verify, import, average and publish weights.",
)


@app.callback()
def _listed(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        listing.command()


app.command("list")(listing.command)
app.command("show")(listing.show)
app.command("download")(files.download)
app.command("verify")(files.verify)
app.command("remove")(files.remove)
app.command("path")(files.path)
app.command("import")(importing.command)
app.command("average")(averaging.command)
app.command("publish")(publishing.command)
