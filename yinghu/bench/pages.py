HELP = "rows a second"


def configure(parser):
    pass


def run(options):
    return []
