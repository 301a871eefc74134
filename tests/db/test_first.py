async def test_db(db, tenants, redis):
    async with db.tenant(tenants[0]) as s:
        assert await s.fetchval("select name from tenants") == "Alpha Bikes"
    async with db.fleet("x y") as s:
        assert await s.fetchval("select current_setting('application_name')") == "konstruct fleet: x y"
